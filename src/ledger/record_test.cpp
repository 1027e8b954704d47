#include "ledger/record.h"

#include <gtest/gtest.h>

#include "ledger/crc32c.h"
#include "ledger/record_codec.h"
#include "ledger/sample_records.h"

namespace weir::ledger {
namespace {

std::string bytes_of(const Record& record) {
    std::string bytes;
    encode(record, bytes);
    return bytes;
}

TEST(RecordCodec, EveryRecordComesBackAsItWas) {
    SeededRng rng(1);
    for (int i = 0; i < 20'000; ++i) {
        Record record = random_record(rng);
        auto back = decode(bytes_of(record));
        ASSERT_TRUE(back) << i << ": " << back.error().message();
        ASSERT_TRUE(same_record(record, *back)) << i;
    }
}

TEST(RecordCodec, APlainCallComesBackAndIsCompact) {
    AdmitRecord admit = plain_admit(attempt_id(3, 1, 77));
    EndRecord end = plain_end(admit);
    for (const Record& record : {Record{admit}, Record{plain_dispatched(admit)}, Record{end}}) {
        auto back = decode(bytes_of(record));
        ASSERT_TRUE(back);
        EXPECT_TRUE(same_record(record, *back));
    }
    EXPECT_LT(bytes_of(admit).size(), 700u);
    EXPECT_LT(bytes_of(end).size(), 1000u);
    EXPECT_LT(bytes_of(plain_dispatched(admit)).size(), 24u);
}

TEST(RecordCodec, AppendsToWhatTheStringHolds) {
    std::string out = "kept";
    Record record = plain_admit(attempt_id(1, 0, 1));
    encode(record, out);
    EXPECT_EQ(out, "kept" + bytes_of(record));
}

TEST(RecordCodec, AnotherFormatIsCorruptAndNotGuessedAt) {
    std::string bytes = bytes_of(plain_admit(attempt_id(1, 0, 1)));
    for (char version : {'\0', '\2', '\xff'}) {
        bytes[0] = version;
        ASSERT_FALSE(decode(bytes));
        EXPECT_EQ(decode(bytes).error().code(), ErrorCode::corrupt);
    }
    bytes[0] = '\1';
    bytes[1] = '\6';
    EXPECT_FALSE(decode(bytes));
}

TEST(RecordCodec, NothingMissingAndNothingLeftOver) {
    SeededRng rng(2);
    for (int i = 0; i < 60; ++i) {
        std::string bytes = bytes_of(random_record(rng));
        EXPECT_FALSE(decode(bytes + '\0'));
        for (std::size_t n = 0; n < bytes.size(); ++n) {
            ASSERT_FALSE(decode(std::string_view(bytes).substr(0, n))) << i << " cut at " << n;
        }
    }
}

// What a reader may make of damaged bytes: an error, or a record that is written the same way.
TEST(RecordCodec, AnyBytesAreRefusedOrCanonical) {
    SeededRng rng(3);
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = bytes_of(random_record(rng));
        for (auto n = 1 + rng.below(3); n > 0; --n) {
            bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
        }
        auto record = decode(bytes);
        if (!record) continue;
        ++accepted;
        ASSERT_EQ(bytes_of(*record), bytes);
    }
    EXPECT_GT(accepted, 0);
}

TEST(RecordCodec, TextsAreCutAtTheLimitBetweenCharacters) {
    AdmitRecord admit = plain_admit(attempt_id(1, 0, 1));
    admit.user_agent = std::string(kTextMax - 1, 'x') + "\u00e4\u00e4";
    auto back = decode(bytes_of(admit));
    ASSERT_TRUE(back);
    EXPECT_EQ(std::get<AdmitRecord>(*back).user_agent, std::string(kTextMax - 1, 'x'));
}

// Stored bytes outlive the program: this is format 1, and stays it.
TEST(RecordCodec, TheFormatDoesNotDrift) {
    CorrectionRecord r;
    r.id = attempt_id(7, 2, 300, 1);
    r.at = {1000};
    r.cost_delta = Money::from_pico(-1);
    r.charge_delta = Money::from_pico(Int128{1} << 70);
    r.token_delta = 100;
    r.reason = "late";
    r.actor = "me";
    const std::string expected{
        "\x01\x05"
        "\x07\x02\xf1\x2c\x01\x01"
        "\xf1\xd0\x07"
        "\x01"
        "\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x80"
        "\xc8"
        "\x04late\x02me",
        31};
    EXPECT_EQ(bytes_of(r), expected);
}

TEST(Crc32c, KnownAnswersAndBothWaysAgree) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
    SeededRng rng(4);
    for (int i = 0; i < 300; ++i) {
        std::string bytes(rng.below(100), '\0');
        for (char& c : bytes) c = static_cast<char>(rng.below(256));
        ASSERT_EQ(crc32c(bytes), crc32c_by_table(bytes));
    }
}

}  // namespace
}  // namespace weir::ledger

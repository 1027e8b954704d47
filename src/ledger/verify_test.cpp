#include "ledger/verify.h"

#include <fstream>
#include <gtest/gtest.h>

#include "ledger/sample_journal.h"
#include "ledger/sample_records.h"
#include "ledger/segment.h"

namespace weir::ledger {
namespace {

class Verify : public ::testing::Test {
 protected:
    void SetUp() override {
        JournalOptions options;
        options.directory = dir_.path();
        options.segment_bytes = 64u << 10;
        writer_ = open_writer(options);
    }
    void append(const Record& r) { ASSERT_TRUE(writer_->append(r)); }
    VerifyReport check(const std::vector<ChainHead>& expected = {}) {
        writer_.reset();
        auto report = verify(dir_.path(), expected);
        EXPECT_TRUE(report);
        return std::move(*report);
    }
    // The one finding that is damage.
    std::string damage(const std::vector<ChainHead>& expected = {}) {
        VerifyReport report = check(expected);
        EXPECT_EQ(report.damages, 1u);
        for (const Finding& f : report.findings) {
            if (f.severity == Severity::damage) return f.id + "|" + f.what;
        }
        return "";
    }
    void fill(std::uint64_t calls) {
        for (std::uint64_t i = 1; i <= calls; ++i) {
            AdmitRecord admit = plain_admit(attempt_id(1, 0, i));
            append(admit);
            append(plain_end(admit));
        }
    }

    ScratchDirectory dir_;
    std::unique_ptr<JournalWriter> writer_;
    AdmitRecord admit_ = plain_admit(attempt_id(1, 0, 1));
    std::string id_ = attempt_id(1, 0, 1).text();
};

TEST_F(Verify, OpenCallsAreNotedAndSound) {
    append(admit_);
    VerifyReport report = check();
    EXPECT_TRUE(report.is_sound());
    ASSERT_EQ(report.findings.size(), 1u);
    EXPECT_EQ(report.findings[0].id, id_);
    EXPECT_EQ(report.findings[0].file, "1.0.1.wj");
}

TEST_F(Verify, AnEndWithoutAnAdmit) {
    append(plain_end(admit_));
    EXPECT_EQ(damage(), id_ + "|ended, but never admitted");
}

TEST_F(Verify, ASecondEndThatSaysSomethingElse) {
    append(admit_);
    append(plain_end(admit_));
    EndRecord other = plain_end(admit_);
    other.cost += Money::from_pico(1);
    append(other);
    EXPECT_TRUE(damage().starts_with(id_ + "|ended twice"));
}

// A sync that failed has its ends written again on the next segment (gateway/unsynced_ends.h).
TEST_F(Verify, AnEndThatWasWrittenAgainIsOneRecord) {
    append(admit_);
    append(plain_end(admit_));
    append(plain_end(admit_));
    VerifyReport report = check();
    EXPECT_TRUE(report.findings.empty());
    EXPECT_EQ(report.records, 3u);
    EXPECT_EQ(report.counts.ended, 1u);
    EXPECT_EQ(report.counts.duplicate_ends, 0u);
    EXPECT_EQ(report.settled_pico, plain_end(admit_).charge.pico());
}

TEST_F(Verify, ChargesThatDoNotAddUp) {
    EndRecord end = plain_end(admit_);
    end.bill.total += Money::from_pico(1);
    append(admit_);
    append(end);
    EXPECT_EQ(damage(), id_ + "|the charges do not add up to the bill");
}

TEST_F(Verify, AnEndForMoreThanWasHeld) {
    EndRecord end = plain_end(admit_);
    end.parts[0].held += 1;
    append(admit_);
    append(end);
    EXPECT_EQ(damage(), id_ + "|the end settles more than was held at the admit");
}

TEST_F(Verify, ASealedSegmentThatWasRewrittenBreaksTheChain) {
    fill(150);
    writer_.reset();
    // A forger mends the frame's checksum; the chain still knows.
    auto before = verify(dir_.path());
    ASSERT_GT(before->sealed, 2u);
    std::string path = dir_.path() + "/1.0.1.wj";
    auto view = SegmentView::open(dir_.path(), {1, 0, 1});
    std::string payload{(*view)->frame_at(kHeaderBytes).payload};
    AdmitRecord forged = admit_;
    forged.client_address[0] = '2';
    std::string fresh;
    encode(forged, fresh);
    ASSERT_EQ(fresh.size(), payload.size());
    {
        ScratchDirectory other;
        JournalOptions options;
        options.directory = other.path();
        options.segment_bytes = 64u << 10;
        auto writer = open_writer(options);
        ASSERT_TRUE(writer->append(forged));
        auto made = SegmentView::open(other.path(), {1, 0, 1});
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(kHeaderBytes);
        file.write((*made)->bytes().data() + kHeaderBytes,
                   static_cast<std::streamsize>(kFrameHead + fresh.size()));
    }
    auto after = verify(dir_.path());
    ASSERT_EQ(after->damages, 1u);
    EXPECT_EQ(after->findings[0].file, "1.0.2.wj");
    EXPECT_NE(after->findings[0].what.find("chain is broken"), std::string::npos);
}

TEST_F(Verify, ACutOffNewestSegmentShowsAgainstAKeptHead) {
    fill(150);
    writer_.reset();
    auto whole = verify(dir_.path());
    ASSERT_EQ(whole->heads.size(), 1u);
    std::filesystem::remove(dir_.path() + "/" + whole->heads[0].segment.file_name());
    EXPECT_GT(verify(dir_.path(), whole->heads)->damages, 0u);
}

TEST_F(Verify, AMissingSegmentInTheMiddle) {
    fill(150);
    writer_.reset();
    std::filesystem::remove(dir_.path() + "/1.0.2.wj");
    auto report = verify(dir_.path());
    bool said = false;
    for (const Finding& f : report->findings)
        said |= f.what == "segments after 1.0.1.wj are missing";
    EXPECT_TRUE(said);
    JournalReader reader(dir_.path());
    EXPECT_FALSE(reader.poll(1'000'000, [](Record&&) {}));
}

TEST_F(Verify, ADirectoryThatIsNotThere) {
    EXPECT_EQ(verify(dir_.path() + "/none").error().code(), ErrorCode::io);
}

}  // namespace
}  // namespace weir::ledger

// Whole streams against expectation tables, whatever pieces they come in. Golden streams are ours;
// recordings of providers are used where the shared data is present.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <sstream>

#include "provider/usage_testing.h"

namespace weir::provider {
namespace {

using testing::Json;
using testing::Outcome;
using testing::StreamSetup;

const std::string kGolden = WEIR_SOURCE_DIR "/tests/golden/usage/";
const std::string kRecordings = WEIR_SOURCE_DIR "/../shared/data/recordings/";

// Streams up to this size are cut in two at every byte. Longer ones are cut inside every event at
// once: at offset 1 of each, then at 2, and so on, every offset to 300 and every 509th beyond; and
// at every byte of all, in pieces of one size, begun at each of its phases.
constexpr std::size_t kEveryBoundary = 2500;
constexpr std::size_t kEveryOffset = 300;
constexpr std::size_t kOffsetStride = 509;
constexpr std::size_t kPieceBytes = 31;

void expect_same_in_pieces(const StreamSetup& setup, const std::string& bytes,
                           const Outcome& whole) {
    ASSERT_EQ(testing::run_bytewise(setup, bytes).usage, whole.usage);
    ASSERT_EQ(testing::run_bytewise(setup, bytes).forwarded, whole.forwarded);
    if (bytes.size() <= kEveryBoundary) {
        for (std::size_t boundary = 1; boundary < bytes.size(); ++boundary) {
            const Outcome split = testing::run_split(setup, bytes, boundary);
            ASSERT_EQ(split.usage, whole.usage) << "cut at " << boundary;
            ASSERT_EQ(split.forwarded, whole.forwarded) << "cut at " << boundary;
        }
        return;
    }
    std::vector<std::size_t> starts = {0};
    std::size_t longest = 0;
    for (std::size_t at = bytes.find("\n\n"); at != std::string::npos;
         at = bytes.find("\n\n", at + 2)) {
        longest = std::max(longest, at + 2 - starts.back());
        starts.push_back(at + 2);
    }
    for (std::size_t offset = 1; offset < longest;
         offset += offset < kEveryOffset ? 1 : kOffsetStride) {
        const Outcome torn = testing::run(setup, bytes, [&](std::size_t at) {
            // Next cut: `offset` into the first event that starts at or after `at - offset + 1`.
            const std::size_t from = at + 1 > offset ? at + 1 - offset : 0;
            const auto next = std::ranges::lower_bound(starts, from);
            const std::size_t cut = next == starts.end() ? bytes.size() : *next + offset;
            return std::max<std::size_t>(1, cut - at);
        });
        ASSERT_EQ(torn.usage, whole.usage) << "each event cut at " << offset;
        ASSERT_EQ(torn.forwarded, whole.forwarded) << "each event cut at " << offset;
    }
    for (std::size_t phase = 1; phase <= kPieceBytes; ++phase) {
        const Outcome torn = testing::run(
            setup, bytes, [phase](std::size_t at) { return at == 0 ? phase : kPieceBytes; });
        ASSERT_EQ(torn.usage, whole.usage) << "pieces of " << kPieceBytes << " after " << phase;
        ASSERT_EQ(torn.forwarded, whole.forwarded) << "after " << phase;
    }
}

void expect_stream(StreamSetup setup, const std::string& bytes, const Json& row) {
    setup.strip = false;
    const Outcome passed = testing::run_whole(setup, bytes);
    EXPECT_EQ(passed.usage, row.at("expect"));
    EXPECT_EQ(passed.forwarded, bytes);
    expect_same_in_pieces(setup, bytes, passed);

    setup.strip = true;
    const Outcome stripped = testing::run_whole(setup, bytes);
    EXPECT_EQ(stripped.usage, row.at("expect"));
    if (row.contains("stripped")) {
        EXPECT_EQ(stripped.forwarded,
                  testing::read_file(kGolden + row.at("stripped").get<std::string>()));
    }
    expect_same_in_pieces(setup, bytes, stripped);
}

TEST(UsageOfStreams, GoldenStreamsAreMeteredAndStrippedInAnyPieces) {
    const Json rows = Json::parse(testing::read_file(kGolden + "streams.json"));
    ASSERT_GE(rows.size(), 25u);
    for (const Json& row : rows) {
        SCOPED_TRACE(row.at("file").get<std::string>());
        const std::string bytes = testing::read_file(kGolden + row.at("file").get<std::string>());
        ASSERT_FALSE(bytes.empty());
        expect_stream(testing::setup_of(row), bytes, row);
    }
}

// A connection that breaks in the middle of a figure must not make a smaller one of it.
TEST(UsageOfStreams, AStreamCutAnywhereNeverClaimsToBeExactWithOtherFigures) {
    const Json rows = Json::parse(testing::read_file(kGolden + "streams.json"));
    for (const Json& row : rows) {
        SCOPED_TRACE(row.at("file").get<std::string>());
        const std::string bytes = testing::read_file(kGolden + row.at("file").get<std::string>());
        const Json& expected = row.at("expect");
        // The first of two responses is complete before the second has begun.
        if (row.at("file") == "responses_two.sse") continue;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const Outcome cut = testing::run_whole(testing::setup_of(row), bytes.substr(0, size));
            if (cut.usage.at("completeness") != "exact") continue;
            ASSERT_EQ(cut.usage.at("lines"), expected.at("lines")) << "cut at " << size;
            ASSERT_EQ(cut.usage.value("units", Json{}), expected.value("units", Json{}))
                << "cut at " << size;
        }
    }
}

// As the provider would send it: one event a line in the recording.
std::string framed(const std::string& text, const std::string& framing) {
    if (framing == "sse") return text;
    std::string bytes;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.find_first_not_of(" \r") == std::string::npos) continue;
        if (framing == "named") {
            bytes += "event: " + Json::parse(line).value("type", "") + "\n";
        }
        bytes += "data: " + line + "\n\n";
    }
    if (framing == "chat") bytes += "data: [DONE]\n\n";
    return bytes;
}

TEST(UsageOfStreams, RecordingsAreMeteredAsTheirUsageSays) {
    if (!std::filesystem::exists(kRecordings)) {
        GTEST_SKIP() << "no recordings: shared/data is not beside the project";
    }
    const Json rows = Json::parse(testing::read_file(kGolden + "recordings.json"));
    ASSERT_GE(rows.size(), 100u);
    for (const Json& row : rows) {
        SCOPED_TRACE(row.at("file").get<std::string>());
        const std::string text =
            testing::read_file(kRecordings + row.at("file").get<std::string>());
        ASSERT_FALSE(text.empty());
        const std::string framing = row.at("framing");
        if (framing == "body") {
            EXPECT_EQ(testing::meter_body(testing::setup_of(row), text), row.at("expect"));
        } else {
            expect_stream(testing::setup_of(row), framed(text, framing), row);
        }
    }
}

TEST(MeterOfStreams, SourcesOfASearchAreSeenInADelta) {
    const std::string bytes =
        "data: "
        "{\"id\":\"c\",\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\","
        "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"https://"
        "a.test\"}}]}}]}\n\n"
        "data: {\"id\":\"c\",\"model\":\"gpt-5\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
        "\"completion_tokens\":1,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";
    const auto usage = testing::run_whole({}, bytes).usage;
    EXPECT_EQ(usage.at("units").at("web_search"), 1);
    EXPECT_EQ(usage.at("completeness"), "exact");
}

}  // namespace
}  // namespace weir::provider

// Requests that real SDKs and agents sent: what they ask for is read as they meant it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

#include "provider/provider.h"

namespace weir::provider {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<json> captured_requests(const fs::path& folder) {
    std::vector<json> all;
    for (const auto& entry : fs::directory_iterator{folder}) {
        std::ifstream file{entry.path()};
        if (entry.path().extension() == ".json") {
            for (json& request : json::parse(file)) all.push_back(std::move(request));
        } else if (entry.path().extension() == ".jsonl") {
            for (std::string line; std::getline(file, line);) all.push_back(json::parse(line));
        }
    }
    return all;
}

std::optional<std::int64_t> max_in(const json& body) {
    std::optional<std::int64_t> most;
    for (const char* name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
        if (body.contains(name)) most = std::max(most.value_or(0), body[name].get<std::int64_t>());
    }
    return most;
}

bool tools_are_whole(const json& body) {
    if (!body.contains("tools")) return true;
    const json& tools = body["tools"];
    return tools.is_array() &&
           std::ranges::all_of(tools, [](const json& tool) { return tool.is_object(); });
}

TEST(Captures, EveryRequestOfARealClientIsDescribed) {
    fs::path folder = WEIR_SOURCE_DIR "/../shared/data/captures";
    if (!fs::exists(folder)) GTEST_SKIP() << "no captured requests beside the source tree";
    int described = 0;
    for (const json& request : captured_requests(folder)) {
        if (!request.contains("body") || !request["body"].is_object()) continue;
        std::string url = request["url"];
        auto match =
            match_endpoint(request["method"].get<std::string>(), url.substr(0, url.find('?')));
        if (!match) continue;
        const json& body = request["body"];
        std::string text = body.dump();
        auto shape = describe(match->endpoint, text);
        ASSERT_TRUE(shape) << url << " " << shape.error().message() << " " << text.substr(0, 300);
        EXPECT_EQ(shape->model, body["model"].get<std::string>());
        EXPECT_EQ(shape->stream, body.value("stream", false));
        if (match->endpoint == core::Endpoint::messages ||
            match->endpoint == core::Endpoint::chat_completions) {
            EXPECT_EQ(shape->max_output, max_in(body));
        }
        // Some captures hold a digest ("…<4 items>") in place of tools.
        if (tools_are_whole(body)) {
            EXPECT_FALSE(shape->has(core::Unbounded::unknown_tool)) << text.substr(0, 2000);
        }
        EXPECT_FALSE(shape->has(core::Unbounded::compaction)) << url;
        ++described;
    }
    EXPECT_GT(described, 40);
}

}  // namespace
}  // namespace weir::provider

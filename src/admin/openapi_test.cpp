#include <set>

#include "admin/admin_fixture.h"
#include "admin/routes.h"

extern "C" const char weir_embed_admin_openapi[];
extern "C" const std::size_t weir_embed_admin_openapi_size;

namespace weir::admin {
namespace {

Json document() {
    return Json::parse(std::string_view{weir_embed_admin_openapi, weir_embed_admin_openapi_size});
}

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

const Json* resolved(const Json& root, const Json& value) {
    if (!value.is_object() || !value.contains("$ref")) return &value;
    const auto pointer = value["$ref"].get<std::string>().substr(1);
    const Json::json_pointer place{pointer};
    return root.contains(place) ? &root.at(place) : nullptr;
}

void check_references(const Json& root, const Json& value, std::size_t& count) {
    if (value.is_object() && value.contains("$ref")) {
        ++count;
        EXPECT_NE(resolved(root, value), nullptr) << value["$ref"];
    }
    if (!value.is_structured()) return;
    for (const Json& member : value) check_references(root, member, count);
}

TEST(Openapi, DescribesEveryRouteAndNoOther) {
    std::set<std::string> served;
    for (const Route& route : routes()) {
        served.insert(std::string{route.method} + " " + std::string{route.pattern});
    }
    std::set<std::string> described;
    std::set<std::string> operations;
    const Json root = document();
    for (const auto& [path, item] : root["paths"].items()) {
        for (const auto& [method, operation] : item.items()) {
            if (method == "parameters") continue;
            described.insert(upper(method) + " " + path);
            EXPECT_TRUE(operations.insert(operation["operationId"]).second) << path;
            EXPECT_FALSE(operation["summary"].get<std::string>().empty());
        }
    }
    EXPECT_EQ(described, served);
}

TEST(Openapi, ReferencesLeadSomewhere) {
    const Json root = document();
    std::size_t count = 0;
    check_references(root, root, count);
    EXPECT_GT(count, 50u);
}

TEST(Openapi, WhatNeedsNoKeyIsDescribedSo) {
    const Json root = document();
    for (const Route& route : routes()) {
        std::string method{route.method};
        for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        const Json& operation = root["paths"][std::string{route.pattern}][method];
        const bool open = operation.contains("security") && operation["security"].empty();
        EXPECT_EQ(open, route.access == Access::open) << route.pattern;
    }
}

TEST_F(AdminTest, EveryDescribedParameterIsAccepted) {
    const Json root = document();
    std::size_t asked = 0;
    for (const auto& [path, item] : root["paths"].items()) {
        if (!item.contains("get") || path.contains('{')) continue;
        for (const Json& reference : item["get"].value("parameters", Json::array())) {
            const Json parameter = *resolved(root, reference);
            if (parameter["in"] != "query") continue;
            const Reply reply =
                ask("GET", path + "?" + parameter["name"].get<std::string>() + "=1");
            EXPECT_EQ(reply.message().find("There is no parameter"), std::string::npos)
                << path << " " << reply.message();
            ++asked;
        }
    }
    EXPECT_GT(asked, 20u);
    EXPECT_EQ(ask("GET", "/admin/v1/openapi.json", {}, {}).body, root);
}

}  // namespace
}  // namespace weir::admin

#include "store/price_json.h"

#include <vector>

namespace weir::store {
namespace {

constexpr std::size_t kBytesMax = 64u << 20;
constexpr std::size_t kDepthMax = 64;

// Builds the tree from nlohmann's events: the only place where it hands out a float's own text.
class TextNumbers : public nlohmann::json_sax<Json> {
 public:
    Json take() { return std::move(root_); }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return put(std::to_string(value)); }
    bool number_float(number_float_t /*value*/, const string_t& text) override { return put(text); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t& /*value*/) override { return false; }
    bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        key_ = std::move(name);
        return true;
    }
    bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        return false;
    }

 private:
    // A value's place in the tree. Pointers to a parent stay good while its child is open: nothing
    // is added to a parent before the child is closed.
    Json* place(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        Json& parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        auto& members = parent.get_ref<Json::object_t&>();
        return &members.emplace(std::move(key_), std::move(value)).first->second;
    }
    bool put(Json value) {
        place(std::move(value));
        return true;
    }
    bool open(Json value) {
        if (open_.size() >= kDepthMax) return false;
        open_.push_back(place(std::move(value)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    Json root_;
    std::vector<Json*> open_;
    std::string key_;
};

}  // namespace

Result<Json> parse_json_numbers_as_text(std::string_view text) {
    if (text.size() > kBytesMax) {
        return fail(ErrorCode::config_invalid, "a price catalogue is at most 64 MiB");
    }
    TextNumbers builder;
    try {
        if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
            return fail(ErrorCode::config_invalid, "the price catalogue is not JSON");
        }
    } catch (const std::exception& e) {
        return fail(ErrorCode::config_invalid, "the price catalogue is not JSON", e.what());
    }
    return builder.take();
}

const Json* member(const Json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    auto it = object.find(name);
    return it == object.end() ? nullptr : &*it;
}

std::optional<std::string_view> text_of(const Json& value) {
    if (!value.is_string()) return std::nullopt;
    return value.get_ref<const std::string&>();
}

std::optional<std::string_view> text_member(const Json& object, const char* name) {
    const Json* value = member(object, name);
    return value == nullptr ? std::nullopt : text_of(*value);
}

}  // namespace weir::store

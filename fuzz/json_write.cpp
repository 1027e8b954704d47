// JSON strings: any bytes give valid JSON in valid UTF-8, and text that is UTF-8 comes back as it
// went in.
#include "codec/json_write.h"

#include <nlohmann/json.hpp>

#include "codec/utf8.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = weir::fuzz::text_of(data, size);
    std::string out;
    weir::codec::append_json_string(out, text);
    WEIR_CHECK(weir::codec::is_utf8(out));
    auto parsed = nlohmann::json::parse(out, nullptr, false);
    WEIR_CHECK(parsed.is_string());
    bool clean = weir::codec::is_utf8(text);
    WEIR_CHECK(!clean || parsed.get_ref<const std::string&>() == text);
    return 0;
}

// Who and which session the body names (wire.md §4): the least trusted source, so nothing here is
// an error, and what is too long or unreadable is left out.
#include "provider/describe_parts.h"

namespace weir::provider {
namespace {

using Kind = JsonCursor::Kind;

constexpr std::size_t kIdentityMax = 256;
constexpr std::size_t kPairsMax = 64;

void take(std::string& target, std::string_view text) {
    if (target.empty() && !text.empty() && text.size() <= kIdentityMax) target = text;
}

// Claude Code's user_id is itself JSON: {"device_id", "account_uuid", "session_id"} (wire.md §4).
// Older versions wrote user_<hash>_account_<uuid>_session_<uuid> [unverified].
void take_user_id(core::CallShape& shape, std::string_view text) {
    JsonCursor inner{text};
    if (inner.kind() != Kind::object) {
        constexpr std::string_view kMark = "_session_";
        auto at = text.rfind(kMark);
        if (at != std::string_view::npos) {
            take(shape.session, text.substr(at + kMark.size()));
            text = text.substr(0, at);
        }
        take(shape.user, text);
        return;
    }
    std::string account;
    std::string device;
    std::string_view key;
    inner.enter();
    while (inner.next_key(key)) {
        Word word = Word::read(inner);
        if (key == "session_id") take(shape.session, word.text());
        if (key == "account_uuid") take(account, word.text());
        if (key == "device_id") take(device, word.text());
    }
    take(shape.user, account.empty() ? device : account);
}

}  // namespace

void read_metadata(BodyReader& reader) {
    JsonCursor& cursor = reader.cursor;
    auto& shape = reader.shape;
    if (cursor.kind() != Kind::object) {
        cursor.skip();
        return;
    }
    std::string_view raw;
    cursor.enter();
    while (cursor.next_key(raw)) {
        bool is_weir = raw.starts_with("weir.");
        Word word = Word::read(cursor);
        if (is_weir && shape.weir_metadata.size() < kPairsMax) {
            shape.weir_metadata.emplace_back(raw, word.text());
        } else if (raw == "user_id") {
            take_user_id(shape, word.text());
        } else if (raw == "session_id") {
            take(shape.session, word.text());
        }
    }
}

// Codex: session and thread of the agent (wire.md §4).
void read_client_metadata(BodyReader& reader) {
    JsonCursor& cursor = reader.cursor;
    if (cursor.kind() != Kind::object) {
        cursor.skip();
        return;
    }
    std::string_view raw;
    cursor.enter();
    while (cursor.next_key(raw)) {
        Word word = Word::read(cursor);
        if (raw == "session_id") take(reader.shape.session, word.text());
    }
}

}  // namespace weir::provider

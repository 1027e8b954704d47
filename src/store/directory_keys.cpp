#include <array>

#include "store/directory.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::array<std::string_view, 5> kRoles = {"data", "admin", "finance", "team-owner",
                                                    "viewer"};

constexpr std::string_view kKeyColumns =
    "id,name,team,role,digest,previous_digest,previous_until,created_at,expires_at,revoked_at,"
    "application,environment,task_type,user,models";

std::string_view bytes_of(const core::Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Result<core::Digest> digest_of(std::string_view bytes) {
    core::Digest digest{};
    if (bytes.size() != digest.size()) {
        return fail(ErrorCode::corrupt, "a key's digest in the database has the wrong length");
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        digest[i] = static_cast<std::uint8_t>(bytes[i]);
    }
    return digest;
}

std::optional<UnixTime> time_of(const Statement& row, int column) {
    const std::optional<std::int64_t> ns = row.optional_integer(column);
    return ns ? std::optional{UnixTime{*ns}} : std::nullopt;
}

std::optional<std::int64_t> ns_of(std::optional<UnixTime> time) {
    return time ? std::optional{time->ns} : std::nullopt;
}

Result<StoredKey> read_key(const Statement& row) {
    StoredKey key;
    core::KeyRecord& r = key.record;
    r.id = row.string(0);
    r.name = row.string(1);
    r.team = row.string(2);
    const std::optional<KeyRole> role = key_role_named(row.text(3));
    if (!role) return fail(ErrorCode::corrupt, "a key in the database has an unknown role");
    key.role = *role;
    Result<core::Digest> digest = digest_of(row.text(4));
    if (!digest) return std::unexpected(std::move(digest).error());
    r.digest = *digest;
    if (!row.is_null(5)) {
        Result<core::Digest> previous = digest_of(row.text(5));
        if (!previous) return std::unexpected(std::move(previous).error());
        r.previous_digest = *previous;
    }
    r.previous_until = time_of(row, 6);
    r.created = {row.integer(7)};
    r.expires = time_of(row, 8);
    r.revoked = time_of(row, 9);
    r.application = row.string(10);
    r.environment = row.string(11);
    r.task_type = row.string(12);
    r.user = row.string(13);
    r.models = parse_strings(row.text(14));
    return key;
}

// For the audit log: all but the digests.
std::string key_json(const StoredKey& key) {
    const core::KeyRecord& r = key.record;
    const auto when = [](std::optional<UnixTime> t) {
        return t ? to_rfc3339(*t) : std::string{};
    };
    std::string models;
    append_strings(models, r.models);
    std::string out;
    append_object(out, {{"id", r.id},
                        {"name", r.name},
                        {"team", r.team},
                        {"role", std::string{key_role_name(key.role)}},
                        {"application", r.application},
                        {"environment", r.environment},
                        {"task_type", r.task_type},
                        {"user", r.user},
                        {"models", models},
                        {"created", to_rfc3339(r.created)},
                        {"expires", when(r.expires)},
                        {"revoked", when(r.revoked)},
                        {"previous_until", when(r.previous_until)}});
    return out;
}

}  // namespace

std::string_view key_role_name(KeyRole role) { return kRoles[static_cast<std::size_t>(role)]; }

std::optional<KeyRole> key_role_named(std::string_view name) {
    for (std::size_t i = 0; i < kRoles.size(); ++i) {
        if (kRoles[i] == name) return static_cast<KeyRole>(i);
    }
    return std::nullopt;
}

Result<> Directory::write_key(const StoredKey& key) {
    Result<Statement> upsert =
        database_.prepare("INSERT OR REPLACE INTO keys (" + std::string{kKeyColumns} +
                          ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    if (!upsert) return std::unexpected(std::move(upsert).error());
    const core::KeyRecord& r = key.record;
    std::string models;
    append_strings(models, r.models);
    upsert->bind(1, r.id).bind(2, r.name).bind(3, r.team).bind(4, key_role_name(key.role));
    upsert->bind_blob(5, bytes_of(r.digest));
    if (r.previous_digest) {
        upsert->bind_blob(6, bytes_of(*r.previous_digest));
    } else {
        upsert->bind_null(6);
    }
    upsert->bind_optional(7, ns_of(r.previous_until)).bind(8, r.created.ns);
    upsert->bind_optional(9, ns_of(r.expires)).bind_optional(10, ns_of(r.revoked));
    upsert->bind(11, r.application).bind(12, r.environment).bind(13, r.task_type);
    upsert->bind(14, r.user).bind(15, models);
    return upsert->run();
}

Result<MintedKey> Directory::create_key(const KeySpec& spec, const Change& change) {
    MintedKey minted;
    minted.text = Secret{core::mint_key(*rng_)};
    const std::optional<core::KeyText> parsed = core::parse_key(minted.text.reveal());
    if (!parsed) return fail(ErrorCode::internal, "a new key could not be made");
    minted.key.role = spec.role;
    core::KeyRecord& r = minted.key.record;
    r.id = parsed->id;
    r.name = spec.name;
    r.team = spec.team;
    r.digest = sha256_(minted.text.reveal());
    r.created = change.at;
    r.expires = spec.expires;
    r.application = spec.application;
    r.environment = spec.environment;
    r.task_type = spec.task_type;
    r.user = spec.user;
    r.models = spec.models;
    Result<> done = in_transaction([&]() -> Result<> {
        auto team = find_team(spec.team);
        if (!team) return std::unexpected(std::move(team).error());
        if (!*team && !(spec.team.empty() && spec.role != KeyRole::data)) {
            return fail(ErrorCode::not_found,
                        "there is no team " + spec.team + ": create it first");
        }
        if (Result<> written = write_key(minted.key); !written) return written;
        return write_audit(change, "key.create", "key:" + r.id, "", key_json(minted.key));
    });
    if (!done) return std::unexpected(std::move(done).error());
    return minted;
}

Result<StoredKey> Directory::key(std::string_view id) {
    Result<Statement> row =
        database_.prepare("SELECT " + std::string{kKeyColumns} + " FROM keys WHERE id=?");
    if (!row) return std::unexpected(std::move(row).error());
    row->bind(1, id);
    Result<bool> found = row->step();
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) return fail(ErrorCode::not_found, "there is no key " + std::string{id});
    return read_key(*row);
}

Result<StoredKey> Directory::change_key(std::string_view id, const Change& change,
                                        std::string_view action,
                                        const std::function<void(StoredKey&)>& edit) {
    StoredKey edited;
    Result<> done = in_transaction([&]() -> Result<> {
        Result<StoredKey> found = key(id);
        if (!found) return std::unexpected(std::move(found).error());
        if (found->record.revoked) {
            return fail(ErrorCode::conflict, "key " + std::string{id} + " is revoked");
        }
        edited = *found;
        edit(edited);
        if (Result<> written = write_key(edited); !written) return written;
        return write_audit(change, action, "key:" + edited.record.id, key_json(*found),
                           key_json(edited));
    });
    if (!done) return std::unexpected(std::move(done).error());
    return edited;
}

Result<MintedKey> Directory::rotate_key(std::string_view id, UnixTime previous_until,
                                        const Change& change) {
    Secret text{core::mint_key(*rng_, id)};
    Result<StoredKey> rotated = change_key(id, change, "key.rotate", [&](StoredKey& key) {
        key.record.previous_digest = key.record.digest;
        key.record.previous_until = previous_until;
        key.record.digest = sha256_(text.reveal());
    });
    if (!rotated) return std::unexpected(std::move(rotated).error());
    return MintedKey{std::move(*rotated), std::move(text)};
}

Result<StoredKey> Directory::expire_key(std::string_view id, UnixTime at, const Change& change) {
    return change_key(id, change, "key.expire", [&](StoredKey& key) { key.record.expires = at; });
}

Result<StoredKey> Directory::bind_key(std::string_view id, const KeyBinding& binding,
                                      const Change& change) {
    return change_key(id, change, "key.bind", [&](StoredKey& key) {
        key.record.application = binding.application;
        key.record.environment = binding.environment;
        key.record.task_type = binding.task_type;
        key.record.user = binding.user;
        key.record.models = binding.models;
    });
}

Result<StoredKey> Directory::revoke_key(std::string_view id, const Change& change) {
    return change_key(id, change, "key.revoke",
                      [&](StoredKey& key) { key.record.revoked = change.at; });
}

Result<std::vector<StoredKey>> Directory::keys() {
    Result<Statement> rows = database_.prepare("SELECT " + std::string{kKeyColumns} +
                                               " FROM keys ORDER BY team,name,created_at,id");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::vector<StoredKey> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        Result<StoredKey> key = read_key(*rows);
        if (!key) return std::unexpected(std::move(key).error());
        out.push_back(std::move(*key));
    }
}

}  // namespace weir::store

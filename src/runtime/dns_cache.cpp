#include "runtime/dns_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace weir::runtime {

DnsCache::Found DnsCache::find(const std::string& host, MonoTime now) const {
    auto known = entries_.find(host);
    if (known == entries_.end() || now >= known->second.drop_at) return {.look_up = true};
    const Entry& entry = known->second;
    bool look_up = now >= entry.ask_at;
    if (!entry.addresses.empty()) return {.addresses = &entry.addresses, .look_up = look_up};
    return {.failure = &entry.failure, .look_up = look_up};
}

// Makes room first by what is dropped anyway, then by anything.
DnsCache::Entry& DnsCache::entry(const std::string& host, MonoTime now) {
    if (entries_.size() >= kMaxNames && !entries_.contains(host)) {
        std::erase_if(entries_, [now](const auto& e) { return now >= e.second.drop_at; });
        if (entries_.size() >= kMaxNames) entries_.erase(entries_.begin());
    }
    return entries_[host];
}

void DnsCache::store(const std::string& host, Addresses addresses, std::optional<Duration> ttl,
                     MonoTime now) {
    WEIR_CHECK(!addresses.empty());
    Duration fresh = std::clamp(ttl.value_or(kUnknownTtl), kLeastTtl, kMostTtl);
    entry(host, now) = Entry{.addresses = std::move(addresses),
                             .failure = {},
                             .ask_at = now + fresh,
                             .drop_at = now + fresh + kStaleFor};
}

void DnsCache::store_failure(const std::string& host, std::string why, MonoTime now) {
    Entry& e = entry(host, now);
    e.failure = std::move(why);
    e.ask_at = now + kRetryAfter;
    if (now >= e.drop_at) e.addresses.clear();
    if (e.addresses.empty()) e.drop_at = e.ask_at;
}

void DnsCache::doubt(const std::string& host, MonoTime now) {
    auto known = entries_.find(host);
    if (known != entries_.end()) known->second.ask_at = std::min(known->second.ask_at, now);
}

}  // namespace weir::runtime

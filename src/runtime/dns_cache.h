// What is known of host names, without IO or clock: answers by TTL, failures for a second, answers
// past their TTL for as long as no better one comes. Bounded. Thread: its loop's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "runtime/socket_address.h"

namespace weir::runtime {

using Addresses = std::vector<SocketAddress>;

class DnsCache {
 public:
    static constexpr std::size_t kMaxNames = 1024;
    static constexpr Duration kUnknownTtl = std::chrono::seconds{30};
    static constexpr Duration kLeastTtl = std::chrono::seconds{1};
    static constexpr Duration kMostTtl = std::chrono::minutes{5};
    static constexpr Duration kRetryAfter = std::chrono::seconds{1};  // after a failure
    static constexpr Duration kStaleFor = std::chrono::hours{1};      // past the TTL

    struct Found {
        const Addresses* addresses = nullptr;  // nullptr: none; valid until the cache is changed
        const std::string* failure = nullptr;  // why there are none
        bool look_up = false;                  // it is time to ask
    };
    Found find(const std::string& host, MonoTime now) const;

    // `addresses` is not empty; no `ttl`: unknown.
    void store(const std::string& host, Addresses addresses, std::optional<Duration> ttl,
               MonoTime now);
    // Keeps an older answer.
    void store_failure(const std::string& host, std::string why, MonoTime now);
    // The addresses did not answer: asks again at the next find, and still serves them.
    void doubt(const std::string& host, MonoTime now);
    std::size_t size() const { return entries_.size(); }

 private:
    struct Entry {
        Addresses addresses;
        std::string failure;
        MonoTime ask_at;  // fresh (or failed for certain) until then
        MonoTime drop_at;
    };
    Entry& entry(const std::string& host, MonoTime now);
    std::unordered_map<std::string, Entry> entries_;
};

}  // namespace weir::runtime

// One whole request and its whole answer, for callers that are not on the road: the command line,
// and what Weir itself asks of others. Owner: the caller. Thread: the loop's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/upstream_pool.h"
#include "runtime/task.h"

namespace weir::http {

struct ClientRequest {
    std::string method = "GET";
    std::string target = "/";
    std::vector<std::pair<std::string, std::string>> fields{};  // host and content-length are added
    std::string body{};
};

struct ClientAnswer {
    int status = 0;
    std::string content_type;
    std::string body;
    std::string retry_after{};
};

// `timeout`: for all of it. A kept connection that the server has closed meanwhile is replaced by a
// fresh one, unless a request that must not be done twice may have arrived. Errors: those of
// Net::connect and of UpstreamExchange; provider_protocol if the answer is larger than
// `answer_bytes_max`.
runtime::Task<Result<ClientAnswer>> fetch(UpstreamPool& pool, const runtime::Address& address,
                                          const ClientRequest& request, Duration timeout,
                                          std::size_t answer_bytes_max = std::size_t{64} << 20);

}  // namespace weir::http

#include "gateway/desk_answer.h"

#include <coroutine>
#include <memory>
#include <optional>

namespace weir::gateway {
namespace {

// The reply comes on another thread and is posted to the loop; by then the asking frame may be
// gone.
class DeskReply {
 public:
    DeskReply(Road& road, DeskQuestion question)
        : road_(road), question_(std::move(question)), state_(std::make_shared<State>()) {}
    ~DeskReply() { state_->handle = {}; }
    DeskReply(const DeskReply&) = delete;

    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        state_->handle = handle;
        auto post = road_.post;
        road_.desk.ask(std::move(question_), [state = state_, post](Result<std::string> answer) {
            post([state, answer = std::move(answer)]() mutable {
                if (!state->handle) return;
                state->answer = std::move(answer);
                state->handle.resume();
            });
        });
    }
    Result<std::string> await_resume() { return std::move(*state_->answer); }

 private:
    struct State {
        std::coroutine_handle<> handle;  // touched on the loop only
        std::optional<Result<std::string>> answer;
    };
    Road& road_;
    DeskQuestion question_;
    std::shared_ptr<State> state_;
};

}  // namespace

runtime::Task<Result<std::string>> ask_desk(Road& road, const PreparedCall& call,
                                            std::string_view method) {
    constexpr std::string_view kCalls = "/weir/calls/";
    DeskQuestion question;
    question.key_id = call.key->id;
    question.team = call.key->team;
    question.attribution = call.attribution;
    if (call.arrival.path.starts_with(kCalls)) {
        question.kind = DeskQuestion::Kind::call;
        question.call_id = call.arrival.path.substr(kCalls.size());
    } else if (call.arrival.path != "/weir/me") {
        co_return fail(ErrorCode::unknown_endpoint,
                       "There is /weir/me and /weir/calls/<id>, nothing else under /weir/.");
    }
    if (method != "GET" && method != "HEAD") {
        co_return fail(ErrorCode::method_not_allowed, "Use GET here.");
    }
    DeskReply reply{road, std::move(question)};
    co_return co_await reply;
}

}  // namespace weir::gateway

// POST /v1/responses.
#include "sim/provider/dialect.h"

namespace weir::sim {

Answer answer_responses(const Call& call, World&) {
    return error_answer(false, 404, "weir-sim: not yet", call.request_id);
}
Answer answer_input_tokens(const Call& call, World&) {
    return error_answer(false, 404, "weir-sim: not yet", call.request_id);
}
Answer answer_compact(const Call& call, World&) {
    return error_answer(false, 404, "weir-sim: not yet", call.request_id);
}

}  // namespace weir::sim

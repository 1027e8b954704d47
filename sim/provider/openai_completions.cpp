// POST /v1/completions.
#include "sim/provider/dialect.h"

namespace weir::sim {

Answer answer_completions(const Call& call, World&) {
    return error_answer(false, 404, "weir-sim: not yet", call.request_id);
}

}  // namespace weir::sim

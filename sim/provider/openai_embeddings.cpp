// POST /v1/embeddings.
#include "sim/provider/dialect.h"

namespace weir::sim {

Answer answer_embeddings(const Call& call, World&) {
    return error_answer(false, 404, "weir-sim: not yet", call.request_id);
}

}  // namespace weir::sim

// POST /v1/embeddings.
#include <bit>
#include <cmath>

#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::size_t kInputsMost = 2048;
constexpr std::int64_t kDimensionsMost = 8192;

// Of length one, by the seed.
std::vector<float> vector_of(std::uint64_t seed, std::int64_t dimensions) {
    SeededRng rng{seed};
    std::vector<float> out(static_cast<std::size_t>(dimensions));
    double squares = 0;
    for (float& x : out) {
        double drawn = 2 * rng.unit() - 1;
        squares += drawn * drawn;
        x = static_cast<float>(drawn);
    }
    for (float& x : out) {
        x = static_cast<float>(std::round(static_cast<double>(x) / std::sqrt(squares) * 1e6) / 1e6);
    }
    return out;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::string_view group = bytes.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            bits = bits << 8 | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= group.size() ? kAlphabet[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    return out;
}

// Little-endian float32, as the SDKs read it.
std::string bytes_of(const std::vector<float>& values) {
    std::string out;
    for (float value : values) {
        auto bits = std::bit_cast<std::uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 0xFF);
    }
    return out;
}

std::int64_t default_dimensions(std::string_view model) {
    return model == "text-embedding-3-large" ? 3072 : 1536;
}

}  // namespace

Answer answer_embeddings(const Call& call, World& world) {
    auto refuse = [&](std::string_view message) {
        return error_answer(false, 400, message, call.request_id);
    };
    auto dimensions = limit_at(call.body, "dimensions", 1);
    if (!dimensions) return refuse(dimensions.error().message());
    std::int64_t size = dimensions->value_or(default_dimensions(call.model));
    auto inputs = embedding_inputs(call.body, world.settings.seed);
    if (inputs.empty() || inputs.size() > kInputsMost || size > kDimensionsMost) {
        return refuse("'input' must hold between 1 and 2048 inputs.");
    }
    Charge charge;
    charge.model = model_served(call);
    bool base64_wanted = string_at(call.body, "encoding_format") == "base64";
    Json data = Json::array();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        charge.input += inputs[i].tokens;
        auto values = vector_of(inputs[i].chain, size);
        Json embedding = base64_wanted ? Json(base64(bytes_of(values))) : Json(values);
        data.push_back(Json{{"object", "embedding"}, {"index", i}, {"embedding", embedding}});
    }
    Json body{{"object", "list"}, {"data", std::move(data)}, {"model", charge.model}};
    Json usage{{"prompt_tokens", charge.input}, {"total_tokens", charge.input}};
    Answer answer;
    set_usage(call, std::move(body), usage, usage, answer);
    answer.charges.lines.push_back(std::move(charge));
    return answer;
}

}  // namespace weir::sim

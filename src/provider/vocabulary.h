// How many tokens a text has, by the vocabularies that OpenAI has published (wire.md §5.1), as they
// stand in the `tiktoken` package and are embedded at build time. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::provider {

class Vocabulary {
 public:
    // OpenAI's own models only; another vendor's may bear any name. nullptr: it is not public.
    static const Vocabulary* of_openai_model(std::string_view model);
    static const Vocabulary& o200k();
    static const Vocabulary& cl100k();

    Vocabulary(const Vocabulary&) = delete;

    // Never fewer than tiktoken counts of that text alone. More where it is not UTF-8, or one word
    // of it is very long: then its bytes. Takes some 30 ns a byte.
    std::int64_t count(std::string_view text) const;

 private:
    explicit Vocabulary(std::string_view embedded);
    ~Vocabulary();
    std::uint32_t rank(std::string_view token) const;
    std::int64_t count_word(std::string_view word) const;

    const char* table_;
    std::uint32_t slots_;
    const char* blob_;
    void* pattern_;  // how a text falls into words: compiled, shared by all threads
};

}  // namespace weir::provider

// SPDX-License-Identifier: Apache-2.0
#include "metrics/pattern.h"

#include <re2/re2.h>

#include <cstdint>

namespace entrepot {
namespace {

/// Of the program and of what a search remembers of it. A pattern of 1024 characters that repeats
/// no repetitions takes a tenth of it.
constexpr std::int64_t most_memory = 1 << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_max_mem(most_memory);
  options.set_log_errors(false);  // it has its own idea of a log
  return options;
}

}  // namespace

Pattern::Pattern(const std::string& text)
    : compiled_(std::make_unique<const re2::RE2>(text, options())) {}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

std::string Pattern::fault() const { return compiled_->ok() ? "" : compiled_->error(); }

bool Pattern::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace entrepot

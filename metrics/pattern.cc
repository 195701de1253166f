// SPDX-License-Identifier: Apache-2.0
#include "metrics/pattern.h"

#include <re2/re2.h>

#include <cstdint>

namespace entrepot {
namespace {

/// Memory bound of the program and of the state of a search. A pattern of 1024 characters without
/// nested repetitions takes a tenth of it.
constexpr std::int64_t max_memory = 1 << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_max_mem(max_memory);
  options.set_log_errors(false);  // RE2 would write to stderr by itself
  return options;
}

}  // namespace

Pattern::Pattern(const std::string& text)
    : compiled_(std::make_unique<const re2::RE2>(text, options())) {}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

std::string Pattern::error() const { return compiled_->ok() ? "" : compiled_->error(); }

bool Pattern::matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace entrepot

// SPDX-License-Identifier: Apache-2.0
// Words of enums. Each enum that metrics, logs or replies show has one table, from which all of
// them take the word of a value. Everything here is evaluated by the compiler, or is one load.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace entrepot::metrics {

/// The words of all values of `Enum`, in the order of the values. Each enum specialises it by
/// make_words().
template <typename Enum>
inline constexpr std::array<std::string_view, 0> words{};

template <typename Enum>
concept HasWords = words<Enum>
.size() > 0;

/// Number of values of an enum.
template <HasWords Enum>
inline constexpr std::size_t count_of = words<Enum>.size();

/// Index of a value in words<Enum>, and in an array with one element per value.
template <typename Enum>
constexpr std::size_t index_of(Enum value) {
  return static_cast<std::size_t>(value);
}

template <HasWords Enum>
constexpr std::string_view to_string(Enum value) {
  return words<Enum>[index_of(value)];
}
/// Empty without a value.
template <HasWords Enum>
constexpr std::string_view to_string(const std::optional<Enum>& value) {
  return value ? to_string(*value) : std::string_view();
}

template <typename Enum>
struct Word {
  Enum value;
  std::string_view word;
};

/// True if an enum has a value of this number. Compilers print the name of a value, and a cast,
/// "(Enum)7", for other numbers.
template <auto value>
constexpr bool is_value() {
  return std::string_view(__PRETTY_FUNCTION__).find("value = (") == std::string_view::npos;
}

/// Creates words<Enum> from a table. The values of the enum count up from 0. Does not compile if a
/// value is missing, out of order or without a word.
template <typename Enum, std::size_t size>
consteval std::array<std::string_view, size> make_words(const Word<Enum> (&table)[size]) {
  static_assert(is_value<static_cast<Enum>(size - 1)>() && !is_value<static_cast<Enum>(size)>(),
                "the table has a word for every value");
  std::array<std::string_view, size> result;
  for (std::size_t i = 0; i < size; ++i) {
    if (index_of(table[i].value) != i) throw "the table has another order than the enum";
    if (table[i].word.empty()) throw "a value has no word";
    result[i] = table[i].word;
  }
  return result;
}

}  // namespace entrepot::metrics

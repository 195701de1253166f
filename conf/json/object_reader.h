// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/json/json.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

/// Reads the keys of one JSON object into values. An absent key leaves its value (the default)
/// unchanged. An invalid one leaves it unchanged too and adds a problem. The destructor reports all
/// keys that were never read, so each known key must be read before.
class ObjectReader {
 public:
  /// `value` and `problems` must outlive the reader. A value that is not an object adds a problem
  /// and is treated as empty.
  ObjectReader(const Json& value, std::string path, Problems& problems);
  ~ObjectReader();
  ObjectReader(const ObjectReader&) = delete;
  ObjectReader& operator=(const ObjectReader&) = delete;

  /// False if the value is not an object.
  bool valid() const { return value_.is_object(); }

  /// Path of a key of this object, or of the object itself.
  std::string path(std::string_view key) const;
  const std::string& path() const { return path_; }
  Problems& problems() const { return problems_; }

  void text(std::string_view key, std::string& value);
  void boolean(std::string_view key, bool& value);
  void integer(std::string_view key, int& value, int least, int most);
  void integer(std::string_view key, std::uint64_t& value, std::uint64_t least, std::uint64_t most);
  /// Reads bytes: a number, or a text with a unit.
  void size(std::string_view key, std::uint64_t& value, std::uint64_t least);
  void duration(std::string_view key, std::chrono::milliseconds& value,
                std::chrono::milliseconds least);
  /// Reads one of `words` and returns its index.
  void word(std::string_view key, std::size_t& index,
            std::initializer_list<std::string_view> words);

  /// The value of a key, or null if it is absent.
  const Json* find(std::string_view key);

  // A value that is not an object adds a problem and is not read.
  using ReadObject = std::function<void(ObjectReader&)>;
  void object(std::string_view key, const ReadObject& read);
  /// Reads every entry of a list of objects.
  void objects(std::string_view key, const ReadObject& read);
  /// Reads every entry of a list of texts, with its path.
  void texts(std::string_view key,
             const std::function<void(const std::string& text, const std::string& path)>& read);
  /// Reads every key and value of an object with arbitrary keys.
  void entries(std::string_view key,
               const std::function<void(const std::string& name, const Json&)>& read);

 private:
  const Json* find(std::string_view key, Json::value_t type, std::string_view expected);
  void expected(std::string_view key, std::string_view what, const Json& found);
  void outside(std::string_view key, const Json& found, std::string_view least,
               std::string_view most);

  const Json& value_;
  const std::string path_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace entrepot::conf

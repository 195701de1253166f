// SPDX-License-Identifier: Apache-2.0
#include "cache/index/records.h"

#include "cache/base/media_type.h"
#include "cache/base/origins.h"
#include "cache/index/layout.h"

namespace entrepot::cache {
namespace {

/// Current version; it added origins to blobs and manifests.
constexpr char version = 2;
/// The version of tags, and of links proven before origins were recorded.
constexpr char first_version = 1;

class Writer {
 public:
  explicit Writer(char v = version) { out_.push_back(v); }
  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u64(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) out_.push_back(static_cast<char>(value >> shift));
  }
  void time(WallTime value) { u64(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  /// Length-prefixed.
  void text(std::string_view value) {
    u64(value.size());
    out_.append(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads the output of Writer. After the first short read all values are empty and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view in, char newest = version) : in_(in) {
    version_ = static_cast<char>(u8());
    ok_ = ok_ && version_ >= first_version && version_ <= newest;
  }
  bool is_first_version() const { return version_ == first_version; }
  std::uint8_t u8() {
    const auto piece = take(1);
    return piece.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(piece[0]);
  }
  std::uint64_t u64() {
    const auto piece = take(8);
    std::uint64_t value = 0;
    for (std::size_t i = piece.size(); i-- > 0;) {
      value = value << 8 | static_cast<std::uint8_t>(piece[i]);
    }
    return value;
  }
  WallTime time() { return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(u64()))); }
  std::string text() { return std::string(take(u64())); }
  /// True if all values were present and no bytes are left.
  bool done() const { return ok_ && in_.empty(); }

 private:
  std::string_view take(std::uint64_t count) {
    if (!ok_ || count > in_.size()) {
      ok_ = false;
      return {};
    }
    const auto piece = in_.substr(0, count);
    in_.remove_prefix(count);
    return piece;
  }
  std::string_view in_;
  char version_ = 0;
  bool ok_ = true;
};

std::string origins_of(Reader& in) {
  return in.is_first_version() ? std::string(Origins::unnoted_name) : in.text();
}

/// The type is used in a header field unchanged.
bool printable_type(std::string_view type) { return parse_media_type(type) == type; }

/// Earlier versions stored any type that a manifest declared.
void make_servable(std::string& type) {
  if (!type.empty()) type = served_type(type);
}

}  // namespace

std::string encode(const BlobRecord& record) {
  Writer out;
  out.u64(record.size);
  out.time(record.stored_at);
  out.u8(record.is_inline ? 1 : 0);
  out.text(record.origins);
  return out.take();
}

std::optional<BlobRecord> decode_blob(std::string_view value) {
  Reader in(value);
  BlobRecord record;
  record.size = in.u64();
  record.stored_at = in.time();
  const auto is_inline = in.u8();
  record.origins = origins_of(in);
  if (!in.done() || is_inline > 1) return std::nullopt;
  record.is_inline = is_inline == 1;
  return record;
}

std::string encode(const ManifestRecord& record) {
  Writer out;
  out.text(record.media_type);
  out.u64(record.size);
  out.time(record.stored_at);
  out.text(record.origins);
  return out.take();
}

std::optional<ManifestRecord> decode_manifest(std::string_view value) {
  Reader in(value);
  ManifestRecord record;
  record.media_type = in.text();
  record.size = in.u64();
  record.stored_at = in.time();
  record.origins = origins_of(in);
  if (!in.done() || !printable_type(record.media_type)) return std::nullopt;
  make_servable(record.media_type);
  return record;
}

std::string encode(const TagRecord& record) {
  Writer out(first_version);
  out.text(digest_key(record.digest));
  out.text(record.media_type);
  out.u64(record.size);
  out.time(record.checked_at);
  return out.take();
}

std::optional<TagRecord> decode_tag(std::string_view value) {
  Reader in(value, first_version);
  const auto digest = parse_digest_key(in.text());
  if (!digest) return std::nullopt;
  TagRecord record{*digest, in.text(), 0, {}};
  record.size = in.u64();
  record.checked_at = in.time();
  if (!in.done() || !printable_type(record.media_type)) return std::nullopt;
  make_servable(record.media_type);
  return record;
}

std::string encode(const LinkRecord& record) {
  Writer out(record.earlier ? first_version : version);
  out.u8(static_cast<std::uint8_t>(record.proof));
  out.time(record.proven_at);
  return out.take();
}

std::optional<LinkRecord> decode_link(std::string_view value) {
  Reader in(value);
  const auto proof = in.u8();
  const auto proven_at = in.time();
  if (!in.done() || proof > static_cast<std::uint8_t>(LinkRecord::Proof::manifest)) {
    return std::nullopt;
  }
  return LinkRecord{static_cast<LinkRecord::Proof>(proof), proven_at, in.is_first_version()};
}

}  // namespace entrepot::cache

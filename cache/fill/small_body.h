// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "cache/content/gathered_body.h"
#include "cache/content/parsed_manifest.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"

namespace entrepot::cache {

/// A manifest, or a blob no longer than the tail, gathered in memory. No client gets a byte before
/// the digest is proven, so that no client notices wrong bytes: the fill requests the object again.
class SmallBody final : public FillBody {
 public:
  /// The body of a manifest. `subject` and `owner` outlive this.
  SmallBody(FillSubject& subject, Owner& owner);
  /// The body of a blob whose transfer has begun and whose head has arrived.
  SmallBody(FillSubject& subject, Owner& owner, const FetchHead& head,
            std::unique_ptr<Fetch> fetch);
  ~SmallBody() override;

  void start(bool resume) override;
  void on_head(const FetchHead& head) override;
  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_done(const std::optional<Failure>& failure) override;
  void client_joined(Client client) override;
  bool in_memory() const override { return true; }
  bool useful() const override { return !body_.empty(); }
  void stop() override { fetch_.reset(); }
  void settle(const Failure&, Bytes) override { fetch_.reset(); }
  bool keep(const ContentPtr& content, Keeper::Done done) override;

 private:
  void prove();
  void manifest_read(ParsedManifest read);
  void proven(const ContentPtr& content);

  FillSubject& subject_;
  Owner& owner_;
  std::unique_ptr<Fetch> fetch_;
  std::optional<FetchHead> head_;
  GatheredBody body_;
  std::optional<Failure> refusal_;  ///< why on_data() has rejected the body
};

}  // namespace entrepot::cache

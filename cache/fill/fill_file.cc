// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/fill_file.h"

#include <utility>

namespace entrepot::cache {
namespace {

/// Reserved first for an object of unknown size.
constexpr std::uint64_t unknown_size = 8 << 20;

}  // namespace

FillFile::FillFile(const FillSubject& subject, GrowingFile::Proven proven)
    : subject_(subject), proven_(std::move(proven)), named_(!subject.apart) {}

void FillFile::take_partial() {
  partial_ = subject_.context.store.partials().take(subject_.digest);
  if (partial_ &&
      !subject_.context.origins.open_to(partial_->origins, subject_.repository.upstream))
    forget_partial();
}

void FillFile::forget_partial() {
  if (std::exchange(partial_, std::nullopt)) subject_.context.notes.discard_file(subject_.digest);
}

bool FillFile::resume(std::uint64_t room) {
  const FillContext& context = subject_.context;
  if (size_ != partial_->size || *size_ <= context.environment.options.tail) return false;
  auto reserved = context.budget.reserve_first(room, partial_->extents.bytes()).reservation;
  if (!reserved) return false;
  if (!open(FileWriter::resume(parts(), partial_->extents, std::move(reserved)))) return false;
  context.notes.add(subject_.digest, subject_.repository.upstream);
  partial_.reset();
  return true;
}

bool FillFile::create() {
  if (subject_.apart) return create_passing(BypassReason::other_upstream);
  const FillContext& context = subject_.context;
  auto [room, refused] = context.budget.reserve_first(size_.value_or(unknown_size));
  if (room) {
    if (open(FileWriter::create(parts(), std::move(room))))
      context.notes.add(subject_.digest, subject_.repository.upstream);
    refused = BypassReason::disk_error;
  }
  return file_ || create_passing(refused);
}

bool FillFile::create_passing(BypassReason reason) {
  if (!size_) return false;
  return open(FileWriter::create_in_memory(parts(), reason));
}

bool FillFile::create_for_ranges(std::uint64_t room) {
  const FillContext& context = subject_.context;
  auto reserved = context.budget.reserve(room).reservation;
  if (!reserved || !open(FileWriter::create(parts(), std::move(reserved)))) return false;
  context.notes.add(subject_.digest, subject_.repository.upstream);
  return true;
}

FileWriter::Parts FillFile::parts() const {
  const FillContext& context = subject_.context;
  return {context.files, context.budget, context.health, subject_.digest, size_};
}

bool FillFile::open(std::optional<FileWriter> writer) {
  if (!writer) return false;
  const Environment& environment = subject_.context.environment;
  const GrowingFile::Parts parts{environment.store_pool, subject_.home, environment.options.tail};
  file_ = std::make_shared<GrowingFile>(parts, *std::move(writer), proven_);
  return true;
}

ContentPtr FillFile::growing_content() const {
  return std::make_shared<const Content>(
      Content{subject_.digest, *size_, {}, nullptr, file_->writer().file(), file_->progress()});
}

void FillFile::give_name_up() {
  if (std::exchange(named_, false)) subject_.context.notes.discard_file(subject_.digest);
}

void FillFile::leave(std::uint64_t min_bytes) {
  const FillContext& context = subject_.context;
  if (partial_) return context.store.partials().add(*std::exchange(partial_, std::nullopt));
  if (!file_ || passing() || !named_) return;
  const auto& extents = file_->writer().extents();
  if (size_ && extents.bytes() >= min_bytes) {
    context.store.partials().add(
        {subject_.digest, *size_, extents, context.origins.of(subject_.repository.upstream)});
  } else {
    context.notes.discard_file(subject_.digest);
  }
}

void FillFile::discard() {
  if (partial_) return forget_partial();
  if (file_ && !passing() && named_) subject_.context.notes.discard_file(subject_.digest);
}

void FillFile::stored() {
  if (file_) file_->room().give_back();
  if (file_ && named_) subject_.context.notes.remove(subject_.digest);
  if (passing())
    subject_.context.environment.metrics.cache().bypass(*file_->writer().bypass()).add();
}

}  // namespace entrepot::cache

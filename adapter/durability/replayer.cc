#include "adapter/durability/replayer.h"

#include "adapter/catalog/codec.h"
#include "adapter/durability/bind_catalog.h"
#include "adapter/durability/commit_sections.h"
#include "storage/commit_record.h"

namespace gyre::adapter {

namespace {

// Memory that replaced nodes may take before they are freed, in blocks of some KiB.
constexpr std::size_t kReplacedBlocksMax = 65536;

std::string sentence(Decoding decoding, std::string_view what) {
  return std::string(what) + (decoding == Decoding::unknown_format ? " was written by another version of Gyre"
                                                                   : " is not what a commit writes");
}

}  // namespace

Replayer::Replayer(InitialState begin)
    : state_(std::move(begin)), branch_(std::make_unique<storage::Branch>(*state_.database)) {}

Replayer::~Replayer() {
  branch_.reset();
}

Replayer::Done Replayer::apply(Timestamp timestamp, std::string_view bytes) {
  if (timestamp <= state_.timestamp) return std::monostate{};
  storage::CommitRecord record;
  if (const Decoding read = storage::read_commit_record(bytes, record); read != Decoding::ok)
    return Unexpected{sentence(read, "the record")};
  for (const storage::CommitRecord::Section& section : record.sections) {
    Decoding done = Decoding::unknown_format;
    if (section.kind == storage::CommitSection::changes)
      done = storage::replay_changes(section.bytes, *branch_, rows_, progress_);
    else if (section.kind == number_of(AdapterSection::catalog))
      done = apply_catalog_change(section.bytes, state_.catalog);
    if (done != Decoding::ok)
      return Unexpected{sentence(
          done, "section " + std::to_string(static_cast<unsigned>(section.kind)) + " of the record")};
  }
  state_.timestamp = timestamp;
  ++records_;
  // Dropped and truncated trees are kept by the branch until it is sealed.
  if (branch_->mark().operations != 0 || branch_->replaced_blocks() > kReplacedBlocksMax) seal();
  return std::monostate{};
}

void Replayer::seal() {
  auto sealed = branch_->seal(state_.timestamp);
  const auto replaced = branch_->release();
  replaced->database = std::exchange(state_.database, std::move(sealed));
  branch_ = std::make_unique<storage::Branch>(*state_.database);
}

Result<InitialState, std::string> Replayer::finish() {
  seal();
  branch_.reset();
  if (auto bound = bind_catalog(state_.catalog, *state_.database); !bound)
    return Unexpected{std::move(bound.error())};
  return std::move(state_);
}

}  // namespace gyre::adapter

#include "storage/database.h"

namespace gyre::storage {

Retired::~Retired() {
  for (tree::Block* block : blocks) free_block(block);
  for (const Tree& tree : trees) free_tree(tree);
  for (const TableVersion* version : versions) delete version;
}

void free_database(std::unique_ptr<const Database> database) {
  if (database == nullptr) return;
  for (const TableVersion* version : database->tables()) {
    if (version == nullptr) continue;
    free_tree(version->rows);
    for (const Tree& index : version->indexes) free_tree(index);
    delete version;
  }
}

}  // namespace gyre::storage

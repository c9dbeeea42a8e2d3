// The groups of system relations, one file each. To add a relation: write it in the file of its group.
#pragma once

#include <vector>

#include "adapter/catalog/system_relation.h"

namespace gyre::adapter::system {

using Relations = std::vector<SystemRelation>;

Relations type_relations();                // system_types.cc
Relations class_relations();               // system_classes.cc
Relations index_relations();               // system_indexes.cc
Relations sequence_relations();            // system_sequences.cc
Relations role_relations();                // system_roles.cc
Relations server_relations();              // system_server.cc
Relations access_relations();              // system_access.cc
Relations view_relations();                // system_views.cc
Relations information_schema_relations();  // system_information_schema.cc
Relations lock_relations();                // system_locks.cc
Relations session_relations();             // system_sessions.cc
Relations statement_relations();           // system_statements.cc
Relations mz_relations();                  // system_mz.cc
Relations empty_relations();               // system_empty.cc

}  // namespace gyre::adapter::system

// Relations of PostgreSQL that clients join with and that have no rows here, because what they describe
// (triggers, publications, domains, large objects, …) does not exist.
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

struct EmptyRelation {
  std::uint32_t oid;
  std::string_view schema;
  std::string_view name;
  char kind;
  std::string_view columns;
};

// clang-format off
constexpr EmptyRelation kEmpty[] = {
    {2600, "pg_catalog", "pg_aggregate", 'r',
     "aggfnoid text, aggkind \"char\", aggnumdirectargs int2, aggtransfn text, aggfinalfn text, "
     "aggcombinefn text, aggserialfn text, aggdeserialfn text, aggmtransfn text, "
     "aggminvtransfn text, aggmfinalfn text, aggfinalextra boolean, aggmfinalextra boolean, "
     "aggfinalmodify \"char\", aggmfinalmodify \"char\", aggsortop oid, aggtranstype oid, "
     "aggtransspace int4, aggmtranstype oid, aggmtransspace int4, agginitval text, "
     "aggminitval text"},
    {2602, "pg_catalog", "pg_amop", 'r',
     "oid oid, amopfamily oid, amoplefttype oid, amoprighttype oid, amopstrategy int2, "
     "amoppurpose \"char\", amopopr oid, amopmethod oid, amopsortfamily oid"},
    {2603, "pg_catalog", "pg_amproc", 'r',
     "oid oid, amprocfamily oid, amproclefttype oid, amprocrighttype oid, amprocnum int2, "
     "amproc text"},
    {12081, "pg_catalog", "pg_available_extensions", 'v',
     "name name, default_version text, installed_version text, comment text"},
    {2605, "pg_catalog", "pg_cast", 'r',
     "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext \"char\", "
     "castmethod \"char\""},
    {2607, "pg_catalog", "pg_conversion", 'r',
     "oid oid, conname name, connamespace oid, conowner oid, conforencoding int4, "
     "contoencoding int4, conproc text, condefault boolean"},
    {12077, "pg_catalog", "pg_cursors", 'v',
     "name text, statement text, is_holdable boolean, is_binary boolean, is_scrollable boolean, "
     "creation_time timestamptz"},
    {3501, "pg_catalog", "pg_enum", 'r',
     "oid oid, enumtypid oid, enumsortorder float4, enumlabel name"},
    {3466, "pg_catalog", "pg_event_trigger", 'r',
     "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled \"char\", "
     "evttags text[]"},
    {3079, "pg_catalog", "pg_extension", 'r',
     "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable boolean, "
     "extversion text, extconfig text[], extcondition text[]"},
    {2328, "pg_catalog", "pg_foreign_data_wrapper", 'r',
     "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl text[], "
     "fdwoptions text[]"},
    {1417, "pg_catalog", "pg_foreign_server", 'r',
     "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, "
     "srvacl text[], srvoptions text[]"},
    {3118, "pg_catalog", "pg_foreign_table", 'r',
     "ftrelid oid, ftserver oid, ftoptions text[]"},
    {2611, "pg_catalog", "pg_inherits", 'r',
     "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending boolean"},
    {3394, "pg_catalog", "pg_init_privs", 'r',
     "objoid oid, classoid oid, objsubid int4, privtype \"char\", initprivs text[]"},
    {2613, "pg_catalog", "pg_largeobject", 'r',
     "loid oid, pageno int4, data text"},
    {2995, "pg_catalog", "pg_largeobject_metadata", 'r',
     "oid oid, lomowner oid, lomacl text[]"},
    {12038, "pg_catalog", "pg_matviews", 'v',
     "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes boolean, "
     "ispopulated boolean, definition text"},
    {2617, "pg_catalog", "pg_operator", 'r',
     "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind \"char\", "
     "oprcanmerge boolean, oprcanhash boolean, oprleft oid, oprright oid, oprresult oid, "
     "oprcom oid, oprnegate oid, oprcode text, oprrest text, oprjoin text"},
    {2753, "pg_catalog", "pg_opfamily", 'r',
     "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid"},
    {6243, "pg_catalog", "pg_parameter_acl", 'r',
     "oid oid, parname text, paracl text[]"},
    {3350, "pg_catalog", "pg_partitioned_table", 'r',
     "partrelid oid, partstrat \"char\", partnatts int2, partdefid oid, partattrs text, "
     "partclass text, partcollation text, partexprs text"},
    {12018, "pg_catalog", "pg_policies", 'v',
     "schemaname name, tablename name, policyname name, permissive text, roles text[], cmd text, "
     "qual text, with_check text"},
    {3256, "pg_catalog", "pg_policy", 'r',
     "oid oid, polname name, polrelid oid, polcmd \"char\", polpermissive boolean, "
     "polroles _int8, polqual text, polwithcheck text"},
    {12095, "pg_catalog", "pg_prepared_statements", 'v',
     "name text, statement text, prepare_time timestamptz, parameter_types text[], "
     "from_sql boolean, generic_plans int8, custom_plans int8"},
    {12090, "pg_catalog", "pg_prepared_xacts", 'v',
     "transaction oid, gid text, prepared timestamptz, owner name, database name"},
    {1255, "pg_catalog", "pg_proc", 'r',
     "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, "
     "prorows float4, provariadic oid, prosupport text, prokind \"char\", prosecdef boolean, "
     "proleakproof boolean, proisstrict boolean, proretset boolean, provolatile \"char\", "
     "proparallel \"char\", pronargs int2, pronargdefaults int2, prorettype oid, "
     "proargtypes text, proallargtypes text[], proargmodes text[], proargnames text[], "
     "proargdefaults text, protrftypes text[], prosrc text, probin text, prosqlbody text, "
     "proconfig text[], proacl text[]"},
    {6104, "pg_catalog", "pg_publication", 'r',
     "oid oid, pubname name, pubowner oid, puballtables boolean, pubinsert boolean, "
     "pubupdate boolean, pubdelete boolean, pubtruncate boolean, pubviaroot boolean"},
    {6237, "pg_catalog", "pg_publication_namespace", 'r',
     "oid oid, pnpubid oid, pnnspid oid"},
    {6106, "pg_catalog", "pg_publication_rel", 'r',
     "oid oid, prpubid oid, prrelid oid, prqual text, prattrs _int2"},
    {12068, "pg_catalog", "pg_publication_tables", 'v',
     "pubname name, schemaname name, tablename name, attnames text[], rowfilter text"},
    {3541, "pg_catalog", "pg_range", 'r',
     "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, "
     "rngcanonical text, rngsubdiff text"},
    {6000, "pg_catalog", "pg_replication_origin", 'r',
     "roident oid, roname text"},
    {12257, "pg_catalog", "pg_replication_slots", 'v',
     "slot_name name, plugin name, slot_type text, datoid oid, database name, temporary boolean, "
     "active boolean, active_pid int4, xmin oid, catalog_xmin oid, restart_lsn text, "
     "confirmed_flush_lsn text, wal_status text, safe_wal_size int8, two_phase boolean"},
    {2618, "pg_catalog", "pg_rewrite", 'r',
     "oid oid, rulename name, ev_class oid, ev_type \"char\", ev_enabled \"char\", "
     "is_instead boolean, ev_qual text, ev_action text"},
    {12023, "pg_catalog", "pg_rules", 'v',
     "schemaname name, tablename name, rulename name, definition text"},
    {3596, "pg_catalog", "pg_seclabel", 'r',
     "objoid oid, classoid oid, objsubid int4, provider text, label text"},
    {12099, "pg_catalog", "pg_seclabels", 'v',
     "objoid oid, classoid oid, objsubid int4, objtype text, objnamespace oid, objname text, "
     "provider text, label text"},
    {1214, "pg_catalog", "pg_shdepend", 'r',
     "dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, "
     "deptype \"char\""},
    {2396, "pg_catalog", "pg_shdescription", 'r',
     "objoid oid, classoid oid, description text"},
    {3592, "pg_catalog", "pg_shseclabel", 'r',
     "objoid oid, classoid oid, provider text, label text"},
    {12183, "pg_catalog", "pg_stat_all_indexes", 'v',
     "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, "
     "idx_scan int8, idx_tup_read int8, idx_tup_fetch int8"},
    {12266, "pg_catalog", "pg_stat_database", 'v',
     "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, "
     "blks_read int8, blks_hit int8, tup_returned int8, tup_fetched int8, tup_inserted int8, "
     "tup_updated int8, tup_deleted int8, conflicts int8, temp_files int8, temp_bytes int8, "
     "deadlocks int8, checksum_failures int8, checksum_last_failure timestamptz, "
     "blk_read_time float8, blk_write_time float8, session_time float8, active_time float8, "
     "idle_in_transaction_time float8, sessions int8, sessions_abandoned int8, "
     "sessions_fatal int8, sessions_killed int8, stats_reset timestamptz"},
    {12253, "pg_catalog", "pg_stat_gssapi", 'v',
     "pid int4, gss_authenticated boolean, principal text, encrypted boolean"},
    {12302, "pg_catalog", "pg_stat_progress_vacuum", 'v',
     "pid int4, datid oid, datname name, relid oid, phase text, heap_blks_total int8, "
     "heap_blks_scanned int8, heap_blks_vacuumed int8, index_vacuum_count int8, "
     "max_dead_tuples int8, num_dead_tuples int8"},
    {12227, "pg_catalog", "pg_stat_replication", 'v',
     "pid int4, usesysid oid, usename name, application_name text, client_addr text, "
     "client_hostname text, client_port int4, backend_start timestamptz, backend_xmin oid, "
     "state text, sent_lsn text, write_lsn text, flush_lsn text, replay_lsn text, "
     "write_lag text, flush_lag text, replay_lag text, sync_priority int4, sync_state text, "
     "reply_time timestamptz"},
    {12249, "pg_catalog", "pg_stat_ssl", 'v',
     "pid int4, ssl boolean, version text, cipher text, bits int4, client_dn text, "
     "client_serial numeric, issuer_dn text"},
    {12275, "pg_catalog", "pg_stat_user_functions", 'v',
     "funcid oid, schemaname name, funcname name, calls int8, total_time float8, self_time float8"},
    {12192, "pg_catalog", "pg_stat_user_indexes", 'v',
     "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, "
     "idx_scan int8, idx_tup_read int8, idx_tup_fetch int8"},
    {12170, "pg_catalog", "pg_statio_all_tables", 'v',
     "relid oid, schemaname name, relname name, heap_blks_read int8, heap_blks_hit int8, "
     "idx_blks_read int8, idx_blks_hit int8, toast_blks_read int8, toast_blks_hit int8, "
     "tidx_blks_read int8, tidx_blks_hit int8"},
    {12179, "pg_catalog", "pg_statio_user_tables", 'v',
     "relid oid, schemaname name, relname name, heap_blks_read int8, heap_blks_hit int8, "
     "idx_blks_read int8, idx_blks_hit int8, toast_blks_read int8, toast_blks_hit int8, "
     "tidx_blks_read int8, tidx_blks_hit int8"},
    {2619, "pg_catalog", "pg_statistic", 'r',
     "starelid oid, staattnum int2, stainherit boolean, stanullfrac float4, stawidth int4, "
     "stadistinct float4, stakind1 int2, stakind2 int2, stakind3 int2, stakind4 int2, "
     "stakind5 int2, staop1 oid, staop2 oid, staop3 oid, staop4 oid, staop5 oid, stacoll1 oid, "
     "stacoll2 oid, stacoll3 oid, stacoll4 oid, stacoll5 oid, stanumbers1 text[], "
     "stanumbers2 text[], stanumbers3 text[], stanumbers4 text[], stanumbers5 text[], "
     "stavalues1 text[], stavalues2 text[], stavalues3 text[], stavalues4 text[], "
     "stavalues5 text[]"},
    {3381, "pg_catalog", "pg_statistic_ext", 'r',
     "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, "
     "stxkeys text, stxkind text[], stxexprs text"},
    {3429, "pg_catalog", "pg_statistic_ext_data", 'r',
     "stxoid oid, stxdinherit boolean, stxdndistinct text, stxddependencies text, stxdmcv text, "
     "stxdexpr text[]"},
    {12053, "pg_catalog", "pg_stats", 'v',
     "schemaname name, tablename name, attname name, inherited boolean, null_frac float4, "
     "avg_width int4, n_distinct float4, most_common_vals text[], most_common_freqs text[], "
     "histogram_bounds text[], correlation float4, most_common_elems text[], "
     "most_common_elem_freqs text[], elem_count_histogram text[]"},
    {6100, "pg_catalog", "pg_subscription", 'r',
     "oid oid, subdbid oid, subskiplsn text, subname name, subowner oid, subenabled boolean, "
     "subbinary boolean, substream boolean, subtwophasestate \"char\", subdisableonerr boolean, "
     "subconninfo text, subslotname name, subsynccommit text, subpublications text[]"},
    {6102, "pg_catalog", "pg_subscription_rel", 'r',
     "srsubid oid, srrelid oid, srsubstate \"char\", srsublsn text"},
    {12126, "pg_catalog", "pg_timezone_names", 'v',
     "name text, abbrev text, utc_offset text, is_dst boolean"},
    {3576, "pg_catalog", "pg_transform", 'r',
     "oid oid, trftype oid, trflang oid, trffromsql text, trftosql text"},
    {2620, "pg_catalog", "pg_trigger", 'r',
     "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, "
     "tgenabled \"char\", tgisinternal boolean, tgconstrrelid oid, tgconstrindid oid, "
     "tgconstraint oid, tgdeferrable boolean, tginitdeferred boolean, tgnargs int2, tgattr text, "
     "tgargs text, tgqual text, tgoldtable name, tgnewtable name"},
    {3602, "pg_catalog", "pg_ts_config", 'r',
     "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid"},
    {3603, "pg_catalog", "pg_ts_config_map", 'r',
     "mapcfg oid, maptokentype int4, mapseqno int4, mapdict oid"},
    {3600, "pg_catalog", "pg_ts_dict", 'r',
     "oid oid, dictname name, dictnamespace oid, dictowner oid, dicttemplate oid, "
     "dictinitoption text"},
    {3601, "pg_catalog", "pg_ts_parser", 'r',
     "oid oid, prsname name, prsnamespace oid, prsstart text, prstoken text, prsend text, "
     "prsheadline text, prslextype text"},
    {3764, "pg_catalog", "pg_ts_template", 'r',
     "oid oid, tmplname name, tmplnamespace oid, tmplinit text, tmpllexize text"},
    {1418, "pg_catalog", "pg_user_mapping", 'r',
     "oid oid, umuser oid, umserver oid, umoptions text[]"},
    {12327, "pg_catalog", "pg_user_mappings", 'v',
     "umid oid, srvid oid, srvname name, umuser oid, usename name, umoptions text[]"},
    {13265, "information_schema", "collations", 'v',
     "collation_catalog name, collation_schema name, collation_name name, pad_attribute text"},
    {13310, "information_schema", "domain_constraints", 'v',
     "constraint_catalog name, constraint_schema name, constraint_name name, "
     "domain_catalog name, domain_schema name, domain_name name, is_deferrable text, "
     "initially_deferred text"},
    {13320, "information_schema", "domains", 'v',
     "domain_catalog name, domain_schema name, domain_name name, data_type text, "
     "character_maximum_length int4, character_octet_length int4, character_set_catalog name, "
     "character_set_schema name, character_set_name name, collation_catalog name, "
     "collation_schema name, collation_name name, numeric_precision int4, "
     "numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, "
     "interval_type text, interval_precision int4, domain_default text, udt_catalog name, "
     "udt_schema name, udt_name name, scope_catalog name, scope_schema name, scope_name name, "
     "maximum_cardinality int4, dtd_identifier name"},
    {13493, "information_schema", "element_types", 'v',
     "object_catalog name, object_schema name, object_name name, object_type text, "
     "collection_type_identifier name, data_type text, character_maximum_length int4, "
     "character_octet_length int4, character_set_catalog name, character_set_schema name, "
     "character_set_name name, collation_catalog name, collation_schema name, "
     "collation_name name, numeric_precision int4, numeric_precision_radix int4, "
     "numeric_scale int4, datetime_precision int4, interval_type text, interval_precision int4, "
     "domain_default text, udt_catalog name, udt_schema name, udt_name name, scope_catalog name, "
     "scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name"},
    {13541, "information_schema", "foreign_tables", 'v',
     "foreign_table_catalog name, foreign_table_schema name, foreign_table_name name, "
     "foreign_server_catalog name, foreign_server_name name"},
    {13334, "information_schema", "parameters", 'v',
     "specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, "
     "parameter_mode text, is_result text, as_locator text, parameter_name name, data_type text, "
     "character_maximum_length int4, character_octet_length int4, character_set_catalog name, "
     "character_set_schema name, character_set_name name, collation_catalog name, "
     "collation_schema name, collation_name name, numeric_precision int4, "
     "numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, "
     "interval_type text, interval_precision int4, udt_catalog name, udt_schema name, "
     "udt_name name, scope_catalog name, scope_schema name, scope_name name, "
     "maximum_cardinality int4, dtd_identifier name, parameter_default text"},
    {13353, "information_schema", "routine_privileges", 'v',
     "grantor name, grantee name, specific_catalog name, specific_schema name, "
     "specific_name name, routine_catalog name, routine_schema name, routine_name name, "
     "privilege_type text, is_grantable text"},
    {13377, "information_schema", "routines", 'v',
     "specific_catalog name, specific_schema name, specific_name name, routine_catalog name, "
     "routine_schema name, routine_name name, routine_type text, module_catalog name, "
     "module_schema name, module_name name, udt_catalog name, udt_schema name, udt_name name, "
     "data_type text, character_maximum_length int4, character_octet_length int4, "
     "character_set_catalog name, character_set_schema name, character_set_name name, "
     "collation_catalog name, collation_schema name, collation_name name, "
     "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
     "datetime_precision int4, interval_type text, interval_precision int4, "
     "type_udt_catalog name, type_udt_schema name, type_udt_name name, scope_catalog name, "
     "scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name, "
     "routine_body text, routine_definition text, external_name text, external_language text, "
     "parameter_style text, is_deterministic text, sql_data_access text, is_null_call text, "
     "sql_path text, schema_level_routine text, max_dynamic_result_sets int4, "
     "is_user_defined_cast text, is_implicitly_invocable text, security_type text, "
     "to_sql_specific_catalog name, to_sql_specific_schema name, to_sql_specific_name name, "
     "as_locator text, created timestamptz, last_altered timestamptz, new_savepoint_level text, "
     "is_udt_dependent text, result_cast_from_data_type text, result_cast_as_locator text, "
     "result_cast_char_max_length int4, result_cast_char_octet_length int4, "
     "result_cast_char_set_catalog name, result_cast_char_set_schema name, "
     "result_cast_char_set_name name, result_cast_collation_catalog name, "
     "result_cast_collation_schema name, result_cast_collation_name name, "
     "result_cast_numeric_precision int4, result_cast_numeric_precision_radix int4, "
     "result_cast_numeric_scale int4, result_cast_datetime_precision int4, "
     "result_cast_interval_type text, result_cast_interval_precision int4, "
     "result_cast_type_udt_catalog name, result_cast_type_udt_schema name, "
     "result_cast_type_udt_name name, result_cast_scope_catalog name, "
     "result_cast_scope_schema name, result_cast_scope_name name, "
     "result_cast_maximum_cardinality int4, result_cast_dtd_identifier name"},
    {13391, "information_schema", "sql_features", 'r',
     "feature_id text, feature_name text, sub_feature_id text, sub_feature_name text, "
     "is_supported text, is_verified_by text, comments text"},
    {13396, "information_schema", "sql_implementation_info", 'r',
     "implementation_info_id text, implementation_info_name text, integer_value int4, "
     "character_value text, comments text"},
    {13401, "information_schema", "sql_parts", 'r',
     "feature_id text, feature_name text, is_supported text, is_verified_by text, comments text"},
    {13406, "information_schema", "sql_sizing", 'r',
     "sizing_id int4, sizing_name text, supported_value int4, comments text"},
    {13440, "information_schema", "triggers", 'v',
     "trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation text, "
     "event_object_catalog name, event_object_schema name, event_object_table name, "
     "action_order int4, action_condition text, action_statement text, action_orientation text, "
     "action_timing text, action_reference_old_table name, action_reference_new_table name, "
     "action_reference_old_row name, action_reference_new_row name, created timestamptz"},
    {13445, "information_schema", "udt_privileges", 'v',
     "grantor name, grantee name, udt_catalog name, udt_schema name, udt_name name, "
     "privilege_type text, is_grantable text"},
    {13454, "information_schema", "usage_privileges", 'v',
     "grantor name, grantee name, object_catalog name, object_schema name, object_name name, "
     "object_type text, privilege_type text, is_grantable text"},
    {13463, "information_schema", "user_defined_types", 'v',
     "user_defined_type_catalog name, user_defined_type_schema name, "
     "user_defined_type_name name, user_defined_type_category text, is_instantiable text, "
     "is_final text, ordering_form text, ordering_category text, ordering_routine_catalog name, "
     "ordering_routine_schema name, ordering_routine_name name, reference_type text, "
     "data_type text, character_maximum_length int4, character_octet_length int4, "
     "character_set_catalog name, character_set_schema name, character_set_name name, "
     "collation_catalog name, collation_schema name, collation_name name, "
     "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
     "datetime_precision int4, interval_type text, interval_precision int4, "
     "source_dtd_identifier name, ref_dtd_identifier name"},
    {13478, "information_schema", "view_table_usage", 'v',
     "view_catalog name, view_schema name, view_name name, table_catalog name, "
     "table_schema name, table_name name"},
};
// clang-format on

void scan_nothing(SystemScan&) {}

}  // namespace

Relations empty_relations() {
  Relations relations;
  for (const EmptyRelation& empty : kEmpty)
    relations.push_back(
        {empty.oid, empty.schema, empty.name, columns_of(empty.columns), scan_nothing, empty.kind});
  return relations;
}

}  // namespace gyre::adapter::system

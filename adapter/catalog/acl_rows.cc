// Access lists are arrays of text here, where PostgreSQL has a type of its own for their items; so this is
// where the text of an item is read. Items of other objects than Gyre has are understood as well.
#include "adapter/catalog/acl_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "adapter/catalog/system_rows.h"
#include "adapter/sql_error.h"
#include "storage/types/array_text.h"

namespace gyre::adapter {

namespace {

constexpr RoleId kSystemRole{system::kSystemRoleOid};  // grants where nobody is said to

struct Letter {
  char letter;
  std::string_view privilege;
};
// In the order in which PostgreSQL numbers the privileges, which is that of the rows.
constexpr Letter kLetters[] = {{'a', "INSERT"},   {'r', "SELECT"},      {'w', "UPDATE"},    {'d', "DELETE"},
                               {'D', "TRUNCATE"}, {'x', "REFERENCES"},  {'t', "TRIGGER"},   {'X', "EXECUTE"},
                               {'U', "USAGE"},    {'C', "CREATE"},      {'T', "TEMPORARY"}, {'c', "CONNECT"},
                               {'s', "SET"},      {'A', "ALTER SYSTEM"}};

SqlError bad_item(std::string message) {
  return SqlError("22P02", std::move(message));
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_in_name(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

class ItemReader {
 public:
  ItemReader(std::string_view text, const Catalog& catalog) : rest_(text), catalog_(catalog) {}

  void read(std::vector<AclRow>& rows) {
    const std::string grantee = grantee_name();
    if (!take('=')) throw bad_item("missing \"=\" sign");
    const auto [privileges, grantable] = modes();
    const RoleId to = grantee.empty() ? kPublicRole : role(grantee);
    const RoleId by = take('/') ? grantor() : kSystemRole;
    skip_space();
    if (!rest_.empty()) throw bad_item("extra garbage at the end of the ACL specification");
    for (std::size_t i = 0; i < std::size(kLetters); ++i)
      if ((privileges >> i & 1) != 0)
        rows.push_back({by, to, kLetters[i].privilege, (grantable >> i & 1) != 0});
  }

 private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  // Empty where there is none. Within quotes a quote stands twice.
  std::string name() {
    std::string result;
    bool quoted = false;
    skip_space();
    for (; !rest_.empty() && (quoted || rest_.front() == '"' || is_in_name(rest_.front()));
         rest_.remove_prefix(1)) {
      if (rest_.front() != '"') {
        result += rest_.front();
      } else if (quoted && rest_.starts_with("\"\"")) {
        result += '"';
        rest_.remove_prefix(1);
      } else {
        quoted = !quoted;
      }
    }
    skip_space();
    return result;
  }
  // After a key word, as old dumps have it, or not.
  std::string grantee_name() {
    std::string first = name();
    if (rest_.starts_with('=')) return first;
    if (first != "group" && first != "user")
      throw bad_item(fmt::format("unrecognized key word: \"{}\"", first))
          .with_hint("ACL key word must be \"group\" or \"user\".");
    std::string second = name();
    if (second.empty())
      throw bad_item("missing name").with_hint("A name must follow the \"group\" or \"user\" key word.");
    return second;
  }
  RoleId grantor() {
    const std::string given = name();
    if (given.empty()) throw bad_item("a name must follow the \"/\" sign");
    return role(given);
  }
  // Letters, each with a star behind it where it can be passed on. As bits, by position in kLetters.
  std::pair<unsigned, unsigned> modes() {
    unsigned privileges = 0, grantable = 0, last = 0;
    for (; !rest_.empty() && (is_letter(rest_.front()) || rest_.front() == '*'); rest_.remove_prefix(1)) {
      const char c = rest_.front();
      if (c == '*') {
        grantable |= last;
        continue;
      }
      const auto found = std::find_if(std::begin(kLetters), std::end(kLetters),
                                      [c](const Letter& letter) { return letter.letter == c; });
      if (found == std::end(kLetters))
        throw bad_item("invalid mode character: must be one of \"arwdDxtXUCTcsA\"");
      last = 1U << (found - std::begin(kLetters));
      privileges |= last;
    }
    return {privileges, grantable};
  }
  // By name; or by number, as which roles are printed that are there no more.
  RoleId role(const std::string& name) const {
    if (const Role* const found = catalog_.find_role(name)) return found->id;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) return RoleId(number);
    throw SqlError("42704", fmt::format("role \"{}\" does not exist", name));
  }

  std::string_view rest_;
  const Catalog& catalog_;
};

}  // namespace

std::vector<AclRow> acl_rows(std::string_view printed, const Catalog& catalog) {
  std::vector<AclRow> rows;
  for (const std::optional<std::string>& item : storage::parse_text_array(printed)) {
    if (!item) throw SqlError("22004", "ACL arrays must not contain null values");
    ItemReader(*item, catalog).read(rows);
  }
  return rows;
}

}  // namespace gyre::adapter

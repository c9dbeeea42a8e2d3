// Reading goes in three steps: the text into lines (a backslash at the end joins the next one), a line into
// fields of words (words are apart by commas, fields by white space), fields into a rule. A line that is
// wrong costs the whole file, so that a typing error never opens a door that a later line would have closed;
// all errors are collected, to be mended at once.
#include "adapter/access/access_rules.h"

#include <ifaddrs.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>

namespace gyre::adapter {

namespace {

struct Word {
  std::string text;
  bool quoted = false;  // some of it was: its special meaning is gone
};
using Field = std::vector<Word>;

struct LineError {
  std::string message;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

// Takes a word off the front of `rest`; false at the end of the line or a comment.
bool take_word(std::string_view& rest, Word& word, bool& comma_follows) {
  word = {};
  comma_follows = false;
  while (!rest.empty() && (is_blank(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
  if (rest.empty() || rest.front() == '#') return false;
  bool in_quotes = false;
  for (; !rest.empty(); rest.remove_prefix(1)) {
    const char c = rest.front();
    if (c == '"') {
      // A quote is written twice within quotes.
      if (in_quotes && rest.size() > 1 && rest[1] == '"') {
        word.text += c;
        rest.remove_prefix(1);
        continue;
      }
      in_quotes = !in_quotes;
      word.quoted = true;
    } else if (!in_quotes && (c == ',' || c == '#' || is_blank(c))) {
      break;
    } else {
      word.text += c;
    }
  }
  if (in_quotes) throw LineError{"unterminated quoted name"};
  std::string_view after = rest;
  if (!after.empty() && after.front() == ',') comma_follows = true;
  return true;
}

std::vector<Field> split(std::string_view line) {
  std::vector<Field> fields;
  Word word;
  bool goes_on = false;
  while (true) {
    bool comma = false;
    if (!take_word(line, word, comma)) return fields;
    if (!goes_on) fields.emplace_back();
    fields.back().push_back(std::move(word));
    goes_on = comma;
  }
}

std::vector<std::string> texts(const Field& field) {
  std::vector<std::string> out;
  for (const Word& word : field) out.push_back(word.text);
  return out;
}

// The fields of one line, taken one after the other.
class Fields {
 public:
  explicit Fields(std::vector<Field> fields) : fields_(std::move(fields)) {}
  bool more() const { return at_ < fields_.size(); }
  const Field& next(std::string_view what) {
    if (!more()) throw LineError{fmt::format("end-of-line before {}", what)};
    return fields_[at_++];
  }
  const Word& next_word(std::string_view what, std::string_view several) {
    const Field& field = next(what);
    if (field.size() > 1) throw LineError{fmt::format("multiple values specified for {}", several)};
    return field.front();
  }

 private:
  std::vector<Field> fields_;
  std::size_t at_ = 0;
};

AccessRule::Type type_of(const Word& word) {
  using Type = AccessRule::Type;
  if (word.text == "local") return Type::local;
  if (word.text == "host") return Type::host;
  if (word.text == "hostssl") return Type::hostssl;
  if (word.text == "hostnossl") return Type::hostnossl;
  if (word.text == "hostgssenc" || word.text == "hostnogssenc")
    throw LineError{fmt::format("connection type \"{}\" is not supported: there is no GSSAPI", word.text)};
  throw LineError{fmt::format("invalid connection type \"{}\"", word.text)};
}

std::vector<AccessName> names_of(const Field& field, bool groups) {
  std::vector<AccessName> out;
  for (const Word& word : field) {
    if (!word.quoted && word.text.starts_with('@'))
      throw LineError{fmt::format("names from a file (\"{}\") are not supported", word.text)};
    AccessName name{word.text, word.quoted, false};
    if (groups && !word.quoted && word.text.starts_with('+')) {
      name.group = true;
      name.text.erase(0, 1);
    }
    out.push_back(std::move(name));
  }
  return out;
}

IpAddress ip_of(std::string_view text) {
  const auto parsed = parse_ip(text);
  if (!parsed)
    throw LineError{
        fmt::format("invalid IP address \"{}\": addresses are numeric, or all, samehost, samenet", text)};
  return *parsed;
}

void read_address(Fields& fields, AccessRule& rule, AccessLine& line) {
  using Where = AccessRule::Where;
  const Word& word = fields.next_word("IP address specification", "host address");
  if (!word.quoted && (word.text == "all" || word.text == "samehost" || word.text == "samenet")) {
    rule.where = word.text == "all" ? Where::all : word.text == "samehost" ? Where::samehost : Where::samenet;
    line.address = word.text;
    return;
  }
  rule.where = Where::network;
  const std::string_view text = word.text;
  const std::size_t slash = text.find('/');
  rule.network = ip_of(text.substr(0, slash));
  if (slash != std::string_view::npos) {
    const std::string_view bits = text.substr(slash + 1);
    const auto [stop, error] = std::from_chars(bits.data(), bits.data() + bits.size(), rule.prefix);
    if (error != std::errc() || stop != bits.data() + bits.size() || rule.prefix > rule.network.bits())
      throw LineError{fmt::format("invalid CIDR mask in address \"{}\"", text)};
  } else {
    const Word& mask_word = fields.next_word("netmask specification", "netmask");
    const auto mask = parse_ip(mask_word.text);
    if (!mask) throw LineError{fmt::format("invalid IP mask \"{}\"", mask_word.text)};
    if (mask->family != rule.network.family) throw LineError{"IP address and mask do not match"};
    const auto prefix = prefix_of_mask(*mask);
    if (!prefix) throw LineError{fmt::format("invalid IP mask \"{}\"", mask_word.text)};
    rule.prefix = *prefix;
  }
  line.address = rule.network.text();
  line.netmask = mask_of(rule.network.family, rule.prefix).text();
}

AuthMethod method_of(const Word& word, AccessRule::Type type) {
  const std::string& name = word.text;
  if (name == "trust") return AuthMethod::trust;
  if (name == "reject") return AuthMethod::reject;
  // What PostgreSQL does for md5 where the password is kept as a SCRAM verifier, as all are here.
  if (name == "scram-sha-256" || name == "md5") return AuthMethod::scram_sha_256;
  if (name == "cert") {
    if (type != AccessRule::Type::hostssl)
      throw LineError{"cert authentication is only supported on hostssl connections"};
    return AuthMethod::cert;
  }
  if (name == "peer") {
    if (type != AccessRule::Type::local)
      throw LineError{"peer authentication is only supported on local sockets"};
    return AuthMethod::peer;
  }
  if (name == "password")
    throw LineError{"authentication method \"password\" is not supported: it would send passwords in clear"};
  throw LineError{fmt::format("invalid authentication method \"{}\"", name)};
}

void read_option(const Word& word, AccessRule& rule) {
  const std::size_t equals = word.text.find('=');
  if (equals == std::string::npos)
    throw LineError{fmt::format("authentication option not in name=value format: {}", word.text)};
  const std::string_view name = std::string_view(word.text).substr(0, equals);
  const std::string_view value = std::string_view(word.text).substr(equals + 1);
  if (name != "clientcert")
    throw LineError{fmt::format("unrecognized authentication option name: \"{}\"", name)};
  if (rule.type != AccessRule::Type::hostssl)
    throw LineError{"clientcert can only be configured for \"hostssl\" rows"};
  if (value == "verify-ca" && rule.method != AuthMethod::cert)
    rule.certificate = ClientCertificate::verify_ca;
  else if (value == "verify-full")
    rule.certificate = ClientCertificate::verify_full;
  else if (value == "verify-ca")
    throw LineError{"clientcert only accepts \"verify-full\" when using \"cert\" authentication"};
  else
    throw LineError{fmt::format("invalid value for clientcert: \"{}\"", value)};
}

AccessRule rule_of(std::string_view text, AccessLine& line) {
  AccessRule rule;
  Fields fields(split(text));
  const Word& type = fields.next_word("connection type", "connection type");
  line.type = type.text;
  rule.type = type_of(type);
  const Field& databases = fields.next("database specification");
  line.databases = texts(databases);
  rule.databases = names_of(databases, false);
  const Field& roles = fields.next("role specification");
  line.roles = texts(roles);
  rule.roles = names_of(roles, true);
  if (rule.type != AccessRule::Type::local) read_address(fields, rule, line);
  const Word& method = fields.next_word("authentication method", "authentication type");
  line.method = method.text;
  rule.method = method_of(method, rule.type);
  if (rule.method == AuthMethod::cert) rule.certificate = ClientCertificate::verify_full;
  while (fields.more()) {
    const Word& option = fields.next_word("authentication option", "authentication option");
    line.options.push_back(option.text);
    read_option(option, rule);
  }
  return rule;
}

// This machine's addresses, and the networks that they are in.
bool is_own(const IpAddress& address, AccessRule::Where where) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const IpAddress own = ip_of_socket_address(one->ifa_addr);
    if (own.family != address.family) continue;
    unsigned prefix = own.bits();
    if (where == AccessRule::Where::samenet && one->ifa_netmask != nullptr)
      prefix = prefix_of_mask(ip_of_socket_address(one->ifa_netmask)).value_or(prefix);
    if (address.in(own, prefix)) return true;
  }
  return false;
}

bool type_fits(AccessRule::Type type, const Peer& peer) {
  using Type = AccessRule::Type;
  if (peer.local || type == Type::local) return peer.local && type == Type::local;
  return type == Type::host || (type == Type::hostssl) == peer.encrypted;
}

bool address_fits(const AccessRule& rule, const Peer& peer) {
  if (peer.local || rule.where == AccessRule::Where::all) return true;
  if (rule.where == AccessRule::Where::network) return peer.address.in(rule.network, rule.prefix);
  return is_own(peer.address, rule.where);
}

bool is_member(const Catalog& catalog, std::string_view role, std::string_view group) {
  const Role* const one = catalog.find_role(role);
  const Role* const of = catalog.find_role(group);
  return one != nullptr && of != nullptr && catalog.is_member(one->id, of->id);
}

bool database_fits(const AccessRule& rule, std::string_view database, std::string_view role,
                   const Catalog& catalog) {
  return std::any_of(rule.databases.begin(), rule.databases.end(), [&](const AccessName& name) {
    if (name.quoted) return name.text == database;
    if (name.text == "all") return true;
    if (name.text == "sameuser") return role == database;
    if (name.text == "samerole" || name.text == "samegroup") return is_member(catalog, role, database);
    if (name.text == "replication") return false;  // there are no such connections
    return name.text == database;
  });
}

bool role_fits(const AccessRule& rule, std::string_view role, const Catalog& catalog) {
  return std::any_of(rule.roles.begin(), rule.roles.end(), [&](const AccessName& name) {
    if (name.group) return is_member(catalog, role, name.text);
    return (!name.quoted && name.text == "all") || name.text == role;
  });
}

}  // namespace

const AccessRule* AccessRules::match(const Peer& peer, std::string_view database, std::string_view role,
                                     const Catalog& catalog) const {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const AccessRule& rule) {
    return type_fits(rule.type, peer) && address_fits(rule, peer) &&
           database_fits(rule, database, role, catalog) && role_fits(rule, role, catalog);
  });
  return found == rules.end() ? nullptr : &*found;
}

bool AccessRules::trusts_strangers() const {
  return std::any_of(rules.begin(), rules.end(), [](const AccessRule& rule) {
    if (rule.method != AuthMethod::trust || rule.type == AccessRule::Type::local) return false;
    if (rule.certificate != ClientCertificate::not_asked) return false;
    if (rule.where == AccessRule::Where::samehost) return false;
    return rule.where != AccessRule::Where::network || !rule.network.loopback() ||
           rule.prefix < (rule.network.family == IpAddress::Family::v4 ? 8u : 128u);
  });
}

AccessRules parse_access_rules(std::string_view text, std::string_view file) {
  AccessRules out;
  int number = 0;
  while (!text.empty()) {
    const int first = ++number;
    std::string whole;
    while (true) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view part = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (part.ends_with('\r')) part.remove_suffix(1);
      const bool continued = part.ends_with('\\');
      if (continued) part.remove_suffix(1);
      whole += part;
      if (!continued || text.empty()) break;
      ++number;
    }
    AccessLine line;
    line.number = first;
    try {
      if (split(whole).empty()) continue;
      out.rules.push_back(rule_of(whole, line));
    } catch (const LineError& error) {
      line.error = error.message;
      out.errors.push_back(fmt::format("{}:{}: {}", file, first, error.message));
    }
    out.lines.push_back(std::move(line));
  }
  // PostgreSQL says so, too: nobody could come in to mend it.
  if (out.rules.empty() && out.errors.empty())
    out.errors.push_back(fmt::format("{}: contains no entries", file));
  return out;
}

AccessRules read_access_rules(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    AccessRules out;
    out.errors.push_back(fmt::format("{}: cannot be opened", path));
    return out;
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return parse_access_rules(text, path);
}

AccessRules default_access_rules() {
  return parse_access_rules(
      "local all all              trust\n"
      "host  all all 127.0.0.0/8  trust\n"
      "host  all all ::1/128      trust\n"
      "host  all all all          scram-sha-256\n",
      "the built-in rules");
}

std::string_view method_name(AuthMethod method) {
  switch (method) {
    case AuthMethod::trust:
      return "trust";
    case AuthMethod::reject:
      return "reject";
    case AuthMethod::scram_sha_256:
      return "scram-sha-256";
    case AuthMethod::cert:
      return "cert";
    case AuthMethod::peer:
      break;
  }
  return "peer";
}

}  // namespace gyre::adapter

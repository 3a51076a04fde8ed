#include "boot_config.hpp"

#include <charconv>

namespace ant::guardian_server {
namespace {

constexpr std::string_view blanks = " \t\r";

// Takes the next word off the front of `text`; "" at its end.
std::string_view next_word(std::string_view& text) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        text = {};
        return {};
    }
    text.remove_prefix(first);
    const auto end = text.find_first_of(blanks);
    const auto word = text.substr(0, end);
    text.remove_prefix(word.size());
    return word;
}

// Calls `take(item)` for each part between commas until one is refused.
template <class Take>
bool for_each_item(std::string_view list, Take take) {
    for (;;) {
        const auto comma = list.find(',');
        if (!take(list.substr(0, comma))) return false;
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
}

std::optional<std::uint32_t> number(std::string_view text) {
    int base = 10;
    if (text.size() > 2 && text[0] == '0' && text[1] == 'x') {
        base = 16;
        text.remove_prefix(2);
    }
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool set_name(Name& name, std::string_view text) {
    if (!Name::fits(text)) return false;
    name = Name{text};
    return true;
}

bool set_number(std::optional<std::uint32_t>& field, std::string_view text) {
    field = number(text);
    return field.has_value();
}

bool add_privilege(Rule& rule, std::string_view name) {
    struct Entry {
        std::string_view name;
        std::uint32_t bit;
    };
    constexpr Entry known[] = {{"processes", abi::privilege::processes}, {"replace", abi::privilege::replace},
                               {"devices", abi::privilege::devices},     {"power", abi::privilege::power},
                               {"physical", abi::privilege::physical},   {"list", abi::privilege::list}};
    for (const Entry& entry : known) {
        if (entry.name != name) continue;
        rule.privileges |= entry.bit;
        return true;
    }
    return false;
}

// "0x3f8+8", or one port alone
bool add_ports(Rule& rule, std::string_view text) {
    const auto plus = text.find('+');
    const auto first = number(text.substr(0, plus));
    const auto count = plus == std::string_view::npos ? std::optional<std::uint32_t>{1} : number(text.substr(plus + 1));
    if (!first || !count || *first > 0xffff || *count == 0 || *count > 0x10000 - *first || *count > 0xffff) return false;
    if (rule.port_count == rule.ports.size()) return false;
    rule.ports[rule.port_count++] = {static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*count)};
    return true;
}

bool add_irq(Rule& rule, std::string_view text) {
    const auto line = number(text);
    if (!line || *line >= abi::no_irq || rule.irq_count == rule.irqs.size()) return false;
    rule.irqs[rule.irq_count++] = static_cast<std::uint8_t>(*line);
    return true;
}

// "pages=4096,calls=64"
bool add_quota(Rule& rule, std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    const auto value = text.substr(equals + 1);
    if (text.substr(0, equals) == "pages") return set_number(rule.quota_pages, value);
    if (text.substr(0, equals) == "calls") return set_number(rule.quota_calls, value);
    return false;
}

bool add_environment(Rule& rule, std::string_view text) {
    const auto equals = text.find('=');
    return equals != std::string_view::npos && equals != 0 && rule.environment.add(text);
}

struct Keyword {
    std::string_view word;
    bool (*apply)(Rule&, std::string_view);
    const char* why;
};
constexpr Keyword keywords[] = {
    {"as", [](Rule& r, std::string_view v) { return set_name(r.as, v); }, "as: a slot's name is expected"},
    {"with", [](Rule& r, std::string_view v) { return set_name(r.with, v); }, "with: a program's name is expected"},
    {"only-in", [](Rule& r, std::string_view v) { return set_name(r.only_in, v); }, "only-in: a boot mode is expected"},
    {"not-in", [](Rule& r, std::string_view v) { return set_name(r.not_in, v); }, "not-in: a boot mode is expected"},
    {"priority", [](Rule& r, std::string_view v) { return set_number(r.priority, v) && r.priority < abi::priority::guardian; },
     "priority: a number from 0 to 29 is expected"},
    {"deadline", [](Rule& r, std::string_view v) { return set_number(r.deadline_us, v) && r.deadline_us != 0; },
     "deadline: microseconds are expected"},
    {"probation", [](Rule& r, std::string_view v) { return set_number(r.probation_us, v); },
     "probation: microseconds are expected"},
    {"user", [](Rule& r, std::string_view v) { return set_number(r.user, v); }, "user: a number is expected"},
    {"grant",
     [](Rule& r, std::string_view v) { return for_each_item(v, [&](std::string_view item) { return add_privilege(r, item); }); },
     "grant: no such privilege"},
    {"calls",
     [](Rule& r, std::string_view v) {
         return for_each_item(v, [&](std::string_view item) { return Name::fits(item) && r.callees.add(item); });
     },
     "calls: names of slots are expected"},
    {"ports",
     [](Rule& r, std::string_view v) { return for_each_item(v, [&](std::string_view item) { return add_ports(r, item); }); },
     "ports: FIRST+COUNT is expected"},
    {"irq", [](Rule& r, std::string_view v) { return for_each_item(v, [&](std::string_view item) { return add_irq(r, item); }); },
     "irq: line numbers are expected"},
    {"quota",
     [](Rule& r, std::string_view v) { return for_each_item(v, [&](std::string_view item) { return add_quota(r, item); }); },
     "quota: pages=N or calls=N is expected"},
    {"env", add_environment, "env: NAME=value is expected"},
};

// nullptr, or why the words make no sense.
const char* parse_settings(std::string_view line, Rule& rule) {
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
        if (word == "for-each-pci" || word == "restart" || word == "token") {
            (word == "restart" ? rule.restart : word == "token" ? rule.token : rule.for_each_pci) = true;
            continue;
        }
        const Keyword* found = nullptr;
        for (const Keyword& keyword : keywords)
            if (keyword.word == word) found = &keyword;
        if (found == nullptr) return "unknown setting";
        const auto value = next_word(line);
        if (value.empty() || !found->apply(rule, value)) return found->why;
    }
    return nullptr;
}

std::string_view without_comment(std::string_view line) { return line.substr(0, line.find('#')); }

}  // namespace

const char* BootConfig::add_line(std::string_view line) {
    line = without_comment(line);
    const auto directive = next_word(line);
    if (directive.empty()) return nullptr;
    Rule rule;
    if (directive == "default") {
        const char* why = parse_settings(line, rule);
        if (why == nullptr) default_ = rule;
        return why;
    }
    if (directive != "start" && directive != "program") return "start, program or default is expected";
    rule.start = directive == "start";
    if (!set_name(rule.program, next_word(line))) return "a program's name is expected";
    if (const char* why = parse_settings(line, rule)) return why;
    if (count_ == max_rules) return "too many lines";
    rules_[count_++] = rule;
    return nullptr;
}

const Rule& BootConfig::rule_for(std::string_view program) const {
    for (const auto name : {program, without_version(program)})
        for (const Rule& rule : rules())
            if (rule.program.is(name)) return rule;
    return default_;
}

std::string_view CommandLine::value(std::string_view key) const {
    std::string_view rest = text_;
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (word.size() > key.size() && word.substr(0, key.size()) == key && word[key.size()] == '=')
            return word.substr(key.size() + 1);
    }
    return {};
}

bool CommandLine::add_environment(std::string_view base, std::string_view slot, Strings<1024>& environment) const {
    for (const auto owner : {slot, base}) {
        std::string_view rest = text_;
        for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
            const auto equals = word.find('=');
            const auto point = word.substr(0, equals).rfind('.');
            if (equals == std::string_view::npos || point == std::string_view::npos || word.substr(0, point) != owner) continue;
            Name key{word.substr(point + 1, equals - point - 1)};
            for (char& c : key.text)
                if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
            if (!environment.add(key.view(), "=", word.substr(equals + 1))) return false;
        }
        if (base == slot) break;
    }
    return true;
}

}  // namespace ant::guardian_server

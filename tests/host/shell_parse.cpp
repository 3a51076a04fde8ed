#include <user/shell/parse.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using ant::shell::Arguments;

struct Parsed {
    std::unique_ptr<Arguments::Storage> storage = std::make_unique<Arguments::Storage>();
    Arguments arguments;
    Arguments::Problem problem;

    explicit Parsed(std::string_view line) { problem = arguments.parse(line, *storage); }
    [[nodiscard]] std::vector<std::string> words() const {
        std::vector<std::string> all;
        for (unsigned i = 0; i < arguments.size(); ++i) {
            CHECK(arguments[i] == arguments.c_str(i));
            all.emplace_back(arguments[i]);
        }
        return all;
    }
};
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("words are separated by spaces and tabs", "[parse]") {
    CHECK(Parsed{"  run  prog\ta  "}.words() == Words{"run", "prog", "a"});
    CHECK(Parsed{""}.words().empty());
    CHECK(Parsed{"   "}.words().empty());
}

TEST_CASE("quotes keep spaces, empty words and special characters", "[parse]") {
    CHECK(Parsed{R"(run p "two words" 'and "more"' "")"}.words() == Words{"run", "p", "two words", "and \"more\"", ""});
    CHECK(Parsed{R"(a"b c"d 'x\y' "q\"r\\s\t")"}.words() == Words{"ab cd", "x\\y", "q\"r\\s\\t"});
    CHECK(Parsed{R"(one\ word \# \')"}.words() == Words{"one word", "#", "'"});
}

TEST_CASE("a comment begins at the start of a word only", "[parse]") {
    CHECK(Parsed{"# nothing at all"}.words().empty());
    CHECK(Parsed{"ps # all of them"}.words() == Words{"ps"});
    CHECK(Parsed{"fetch http://host/#part"}.words() == Words{"fetch", "http://host/#part"});
}

TEST_CASE("open quotes and too many words are reported", "[parse]") {
    CHECK(Parsed{"run 'abc"}.problem == Arguments::Problem::open_quote);
    CHECK(Parsed{"run \"abc\\"}.problem == Arguments::Problem::open_quote);
    CHECK(Parsed{"run abc\\"}.problem == Arguments::Problem::none);
    std::string line;
    for (int i = 0; i < 500; ++i) line += "a ";
    const Parsed many{line};
    CHECK(many.problem == Arguments::Problem::too_many);
    CHECK(many.arguments.size() == Arguments::max_words);
}

TEST_CASE("flags are taken out wherever they stand", "[parse]") {
    Parsed p{"replace --as-paper rtl8139"};
    CHECK(p.arguments.take_flag("--as-paper"));
    CHECK_FALSE(p.arguments.take_flag("--as-paper"));
    CHECK(p.words() == Words{"replace", "rtl8139"});
    Parsed name{"--json"};
    CHECK_FALSE(name.arguments.take_flag("--json"));
}

TEST_CASE("a command can be cut off its prefix", "[parse]") {
    const Parsed p{"repeat 3 replace x"};
    const Arguments rest = p.arguments.without_first(2);
    CHECK(rest.size() == 2);
    CHECK(rest[0] == "replace");
    CHECK(p.arguments.without_first(9).size() == 0);
    CHECK(p.arguments[99].empty());
}

TEST_CASE("no line overruns the storage", "[parse]") {
    std::mt19937 random{5};
    const std::string_view alphabet{"ab \t'\"\\#"};
    for (int i = 0; i < 20'000; ++i) {
        std::string line(random() % 1200, ' ');
        for (char& c : line) c = alphabet[random() % alphabet.size()];
        const Parsed p{line};
        CHECK(p.arguments.size() <= Arguments::max_words);
    }
}

TEST_CASE("numbers are decimal or hexadecimal and nothing else", "[parse]") {
    CHECK(ant::shell::parse_number("0") == 0u);
    CHECK(ant::shell::parse_number("18446744073709551615") == 18446744073709551615u);
    CHECK(ant::shell::parse_number("0xff") == 255u);
    for (const auto* wrong : {"", "-1", "+1", "1x", " 1", "18446744073709551616", "0x", "x"})
        CHECK_FALSE(ant::shell::parse_number(wrong).has_value());
}

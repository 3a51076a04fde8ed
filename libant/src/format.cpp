// A printf without floating point, for logs and consoles.
#include <ant/process.hpp>

namespace ant {

namespace {

// Counts everything, keeps what fits.
class Output {
public:
    Output(char* out, std::size_t capacity) : out_{out}, capacity_{capacity} {}
    void put(char c) {
        if (length_ + 1 < capacity_) out_[length_] = c;
        ++length_;
    }
    void fill(char c, std::size_t count) {
        for (; count != 0; --count) put(c);
    }
    std::size_t finish() {
        if (capacity_ != 0) out_[length_ < capacity_ ? length_ : capacity_ - 1] = '\0';
        return length_;
    }

private:
    char* out_;
    std::size_t capacity_;
    std::size_t length_ = 0;
};

struct Spec {
    bool left = false, zero = false, has_precision = false;
    char sign = '\0';  // '+' or ' ' for positive numbers
    std::size_t width = 0, precision = 0;
    unsigned size = sizeof(int);  // of an integer argument
};

// va_list is an array type: wrapped, it can be passed on by reference.
struct Arguments {
    std::va_list list;
};

std::size_t number_at(const char*& text, Arguments& arguments, bool& negative) {
    negative = false;
    if (*text == '*') {
        ++text;
        const int n = va_arg(arguments.list, int);
        negative = n < 0;
        return negative ? -static_cast<std::size_t>(n) : static_cast<std::size_t>(n);
    }
    std::size_t n = 0;
    while (*text >= '0' && *text <= '9') n = n * 10 + static_cast<std::size_t>(*text++ - '0');
    return n;
}

void parse_size(const char*& text, Spec& spec) {
    for (;; ++text) {
        switch (*text) {
            case 'l':
            case 'z':
            case 'j':
            case 't':
                spec.size = sizeof(long);
                break;
            case 'h':
                spec.size = spec.size == sizeof(short) ? sizeof(char) : sizeof(short);
                break;
            default:
                return;
        }
    }
}

Spec parse(const char*& text, Arguments& arguments) {
    Spec spec;
    for (;; ++text) {
        if (*text == '-')
            spec.left = true;
        else if (*text == '0')
            spec.zero = true;
        else if (*text == '+')
            spec.sign = '+';
        else if (*text == ' ')
            spec.sign = spec.sign == '+' ? '+' : ' ';
        else if (*text != '#')
            break;
    }
    bool negative = false;
    spec.width = number_at(text, arguments, negative);
    spec.left |= negative;
    if (*text == '.') {
        ++text;
        spec.precision = number_at(text, arguments, negative);
        spec.has_precision = !negative;
    }
    parse_size(text, spec);
    return spec;
}

void put_text(Output& out, const Spec& spec, const char* text) {
    if (text == nullptr) text = "(null)";
    std::size_t length = 0;
    while ((!spec.has_precision || length < spec.precision) && text[length] != '\0') ++length;
    const std::size_t padding = spec.width > length ? spec.width - length : 0;
    if (!spec.left) out.fill(' ', padding);
    for (std::size_t i = 0; i < length; ++i) out.put(text[i]);
    if (spec.left) out.fill(' ', padding);
}

void put_number(Output& out, const Spec& spec, std::uint64_t value, unsigned base, bool upper, const char* prefix) {
    char digits[20];
    std::size_t count = 0;
    const char* set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value != 0; value /= base) digits[count++] = set[value % base];
    std::size_t minimum = spec.has_precision ? spec.precision : 1;
    std::size_t head = 0;
    while (prefix[head] != '\0') ++head;
    if (spec.zero && !spec.left && !spec.has_precision && spec.width > head + minimum) minimum = spec.width - head;
    const std::size_t zeros = minimum > count ? minimum - count : 0;
    const std::size_t total = head + zeros + count;
    const std::size_t padding = spec.width > total ? spec.width - total : 0;
    if (!spec.left) out.fill(' ', padding);
    for (std::size_t i = 0; i < head; ++i) out.put(prefix[i]);
    out.fill('0', zeros);
    while (count != 0) out.put(digits[--count]);
    if (spec.left) out.fill(' ', padding);
}

std::int64_t signed_argument(const Spec& spec, Arguments& arguments) {
    if (spec.size == sizeof(long)) return va_arg(arguments.list, long);
    const int value = va_arg(arguments.list, int);
    if (spec.size == sizeof(short)) return static_cast<short>(value);
    if (spec.size == sizeof(char)) return static_cast<signed char>(value);
    return value;
}

std::uint64_t unsigned_argument(const Spec& spec, Arguments& arguments) {
    if (spec.size == sizeof(long)) return va_arg(arguments.list, unsigned long);
    const unsigned value = va_arg(arguments.list, unsigned);
    if (spec.size == sizeof(short)) return static_cast<unsigned short>(value);
    if (spec.size == sizeof(char)) return static_cast<unsigned char>(value);
    return value;
}

void put_signed(Output& out, const Spec& spec, std::int64_t value) {
    const char positive[] = {spec.sign, '\0'};
    const auto magnitude = value < 0 ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    put_number(out, spec, magnitude, 10, false, value < 0 ? "-" : positive);
}

void convert(Output& out, const char*& text, Arguments& arguments) {
    const char* start = text;
    const Spec spec = parse(text, arguments);
    switch (*text) {
        case 'd':
        case 'i':
            put_signed(out, spec, signed_argument(spec, arguments));
            break;
        case 'u':
            put_number(out, spec, unsigned_argument(spec, arguments), 10, false, "");
            break;
        case 'x':
            put_number(out, spec, unsigned_argument(spec, arguments), 16, false, "");
            break;
        case 'X':
            put_number(out, spec, unsigned_argument(spec, arguments), 16, true, "");
            break;
        case 'o':
            put_number(out, spec, unsigned_argument(spec, arguments), 8, false, "");
            break;
        case 'p':
            put_number(out, spec, reinterpret_cast<std::uint64_t>(va_arg(arguments.list, void*)), 16, false, "0x");
            break;
        case 's':
            put_text(out, spec, va_arg(arguments.list, const char*));
            break;
        case 'c': {
            const char c = static_cast<char>(va_arg(arguments.list, int));
            Spec one = spec;
            one.has_precision = false;
            const char string[] = {c, '\0'};
            if (c != '\0')
                put_text(out, one, string);
            else
                out.put(c);
            break;
        }
        case '%':
            out.put('%');
            break;
        default:  // not a conversion: shown as it is
            out.put('%');
            text = start;
            return;
    }
    ++text;
}

}  // namespace

std::size_t format_list(char* out, std::size_t capacity, const char* text, std::va_list arguments) {
    Output output{out, capacity};
    Arguments own;
    va_copy(own.list, arguments);
    while (*text != '\0') {
        const char c = *text++;
        if (c == '%')
            convert(output, text, own);
        else
            output.put(c);
    }
    va_end(own.list);
    return output.finish();
}

std::size_t format(char* out, std::size_t capacity, const char* text, ...) {
    std::va_list arguments;
    va_start(arguments, text);
    const std::size_t length = format_list(out, capacity, text, arguments);
    va_end(arguments);
    return length;
}

}  // namespace ant

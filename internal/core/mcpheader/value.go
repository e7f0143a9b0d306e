package mcpheader

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

const (
	wrapBegin = "=?base64?"
	wrapEnd   = "?="
)

// Encode returns v as a header can carry it: as it is, or wrapped as
// "=?base64?...?=" if it has other than printable ASCII, blanks at an end, or looks
// wrapped itself.
func Encode(v string) string {
	plain := v == strings.TrimSpace(v) && !strings.HasPrefix(v, wrapBegin)
	for i := 0; plain && i < len(v); i++ {
		plain = ' ' <= v[i] && v[i] <= '~'
	}
	if plain {
		return v
	}
	return wrapBegin + base64.StdEncoding.EncodeToString([]byte(v)) + wrapEnd
}

// Decode returns what a header's value stands for, and false if it is wrapped badly.
func Decode(header string) (v string, ok bool) {
	inner, ok := strings.CutPrefix(header, wrapBegin)
	if !ok {
		return header, true
	}
	if inner, ok = strings.CutSuffix(inner, wrapEnd); !ok {
		return header, true
	}
	text, err := base64.StdEncoding.DecodeString(inner)
	return string(text), err == nil
}

// text returns an argument as it is repeated, before Encode: that of a string, a boolean
// or an integer that every client can write; others cannot be repeated.
func text(arg json.RawMessage) (v string, ok bool) {
	switch arg[0] {
	case '"':
		return v, json.Unmarshal(arg, &v) == nil
	case 't', 'f':
		return string(arg), true
	}
	n, ok := integer(string(arg))
	return strconv.FormatInt(n, 10), ok
}

// integer reads a number as clients do that know floating-point numbers only.
func integer(text string) (int64, bool) {
	const safe = 1<<53 - 1
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > safe {
		return 0, false
	}
	return int64(f), true
}

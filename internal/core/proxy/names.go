package proxy

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// maxName is the longest tool name that all known clients pass on to a model.
const maxName = 64

// hashChars is how much of a name's digest a replaced name carries: 60 bits.
const hashChars = 12

var hashText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A toolID names a tool: its server, and the name that server gave it.
type toolID struct{ server, tool string }

// toolName returns the tool's name at the common endpoint. It depends on
// nothing but the tool. Two tools never share one: a plain name splits at its
// first "__" in one way only, any other ends in a digest, and no plain name
// looks like that.
func toolName(id toolID) string {
	if isPlain(id) {
		return id.server + "__" + id.tool
	}
	return hashedName(id)
}

func isPlain(id toolID) bool {
	return id.server != "" && id.tool != "" && len(id.server)+2+len(id.tool) <= maxName &&
		clean(id.server) == id.server && clean(id.tool) == id.tool &&
		!strings.Contains(id.server, "__") && !strings.HasSuffix(id.server, "_") &&
		!looksHashed(id.tool)
}

// hashedName returns the form for a tool whose plain name would be ambiguous,
// too long, or of characters that clients refuse.
func hashedName(id toolID) string {
	s, t := clean(id.server), clean(id.tool)
	room := maxName - len("__") - len("_") - hashChars
	s = s[:min(len(s), max(room-len(t), 16))]
	t = t[:min(len(t), room-len(s))]
	return s + "__" + t + "_" + digest(id)
}

// digest hashes both names, each with its length, so that no other pair has the same text.
func digest(id toolID) string {
	h := sha256.New()
	for _, s := range []string{id.server, id.tool} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	return hashText.EncodeToString(h.Sum(nil))[:hashChars]
}

// looksHashed reports whether a tool's name ends as a hashed one does.
func looksHashed(tool string) bool {
	i := len(tool) - hashChars - 1
	if i < 0 || tool[i] != '_' {
		return false
	}
	return strings.Trim(strings.ToLower(tool[i+1:]), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// clean replaces what clients do not accept in a name by "_".
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, s)
}

// nameAll returns the names of tools, none equal to another even where case is
// ignored: of names that differ in case alone, only an all-lower-case one stays plain.
func nameAll(ids []toolID) []string {
	names := make([]string, len(ids))
	folded := make(map[string]int, len(ids))
	for i, id := range ids {
		names[i] = toolName(id)
		folded[strings.ToLower(names[i])]++
	}
	for i, name := range names {
		if low := strings.ToLower(name); folded[low] > 1 && name != low {
			names[i] = hashedName(ids[i])
		}
	}
	return names
}

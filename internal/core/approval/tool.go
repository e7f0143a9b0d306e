package approval

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// toolFormula is the version of ToolHash, as formula is that of Fingerprint.
const toolFormula = "mpt-tool-v1"

// Limits of a definition that can be approved: more than any real one has, and
// little enough for a person to look at.
const (
	MaxToolBytes = 256 << 10
	maxToolDepth = 64
)

// The fields of a definition that have a tag of their own, in the order in which
// they are hashed. They are part of the formula.
var toolFields = [...]struct {
	tag  byte
	name string
}{
	{'n', "name"}, {'t', "title"}, {'d', "description"}, {'i', "inputSchema"},
	{'o', "outputSchema"}, {'a', "annotations"}, {'c', "icons"},
}

// tagOther is of a field that is none of toolFields. Its content is its name and value.
const tagOther = 'x'

// ToolHash returns the identity of a tool's definition as its server sent it: equal
// only for definitions that say the same. An approval names it. Neither the order of
// an object's members nor space between tokens nor how a string is escaped changes it;
// all else does, also 1.0 for 1.
//
// Every member counts, also those that this program does not know and "_meta": clients
// get the definition whole, so whatever is in it may reach a model.
//
// A definition that two readers could understand differently has none: one with a name
// that stands twice in an object, with invalid UTF-8 or half of a surrogate pair; nor
// has one without a name, or that is larger than MaxToolBytes or nests deeper than 64
// levels. An error means that the tool stays held.
func ToolHash(definition json.RawMessage) (string, error) {
	if len(definition) > MaxToolBytes {
		return "", fmt.Errorf("definition of %d bytes: %w", len(definition), errTooLarge)
	}
	top, err := readObject(definition)
	if err != nil {
		return "", err
	}
	if name, ok := top["name"]; !ok || name[0] != tagString {
		return "", errNoName
	}
	sum := sha256.Sum256(encodeTool(top))
	return "t1:" + hex.EncodeToString(sum[:]), nil
}

var (
	errTooLarge = errors.New("too large")
	errNoName   = errors.New("definition without a name")
)

// encodeTool returns the bytes that are hashed: the formula, then each field that is
// there as tag, length (8 bytes, big endian) and content.
func encodeTool(top map[string][]byte) []byte {
	b := []byte(toolFormula)
	known := map[string]bool{}
	for _, f := range toolFields {
		known[f.name] = true
		if value, ok := top[f.name]; ok {
			b = appendField(b, f.tag, value)
		}
	}
	for _, name := range sortedNames(top) {
		if !known[name] {
			content := appendField(nil, tagString, []byte(name))
			b = appendField(b, tagOther, append(content, top[name]...))
		}
	}
	return b
}

func appendField(b []byte, tag byte, content []byte) []byte {
	b = append(b, tag)
	b = binary.BigEndian.AppendUint64(b, uint64(len(content)))
	return append(b, content...)
}

func sortedNames(object map[string][]byte) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

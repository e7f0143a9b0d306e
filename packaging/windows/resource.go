package main

import (
	"errors"
	"unicode/utf16"
)

// iconResources turns an ICO file, and a PNG of 256 pixels for large views, into
// resources: each picture by itself, and the group that lists them.
func iconResources(ico, large []byte) ([]resource, error) {
	if len(ico) < 6 || len(ico) < 6+16*int(le.Uint16(ico[4:])) {
		return nil, errors.New("not an ICO file")
	}
	n := le.Uint16(ico[4:])
	group := le.AppendUint16(le.AppendUint16(le.AppendUint16(nil, 0), 1), n+1)
	var all []resource
	for i := range uint32(n) {
		entry := ico[6+16*i:][:16]
		size, at := le.Uint32(entry[8:]), le.Uint32(entry[12:])
		if uint64(at)+uint64(size) > uint64(len(ico)) {
			return nil, errors.New("the ICO file ends too early")
		}
		all = append(all, resource{typeIcon, i + 1, ico[at:][:size]})
		group = le.AppendUint16(append(group, entry[:12]...), uint16(i+1))
	}
	all = append(all, resource{typeIcon, uint32(n) + 1, large})
	group = append(group, 0, 0, 0, 0, 1, 0, 32, 0) // 0 × 0 stands for 256 × 256
	group = le.AppendUint16(le.AppendUint32(group, uint32(len(large))), n+1)
	return append(all, resource{typeIconGroup, 1, group}), nil
}

// versionInfo is what Explorer and the settings of the taskbar call the program. It has
// no number: that is in the program itself, see its command "version".
func versionInfo() []byte {
	fixed := make([]byte, 0, 52)
	for _, v := range []uint32{0xfeef04bd, 0x10000, 0, 0, 0, 0, 0x3f, 0, 0x40004, 1, 0, 0, 0} { // NT, application
		fixed = le.AppendUint32(fixed, v)
	}
	var words []byte
	for _, w := range [][2]string{
		{"FileDescription", "mcpproxy-tray"},
		{"InternalName", "mcpproxy-tray"},
		{"OriginalFilename", "mcpproxy-tray.exe"},
		{"ProductName", "mcpproxy-tray"},
	} {
		value := wide(w[1])
		words = append(words, block(w[0], 1, len(value)/2, value)...)
	}
	table := block("StringFileInfo", 1, 0, block("040904b0", 1, 0, words)) // English, UTF-16
	translation := block("VarFileInfo", 1, 0, block("Translation", 0, 4, []byte{9, 4, 0xb0, 4}))
	return block("VS_VERSION_INFO", 0, len(fixed), append(append(fixed, table...), translation...))
}

// block is one of a version's nested parts: length, length of the value, kind, key, value.
func block(key string, kind uint16, valueLength int, value []byte) []byte {
	b := le.AppendUint16(nil, 0)
	b = le.AppendUint16(le.AppendUint16(b, uint16(valueLength)), kind)
	b = append(align(append(b, wide(key)...)), value...)
	le.PutUint16(b, uint16(len(b)))
	return align(b)
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = le.AppendUint16(b, u)
	}
	return b
}

func align(b []byte) []byte { return append(b, make([]byte, (4-len(b)%4)%4)...) }

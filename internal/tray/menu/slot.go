package menu

import (
	"fmt"
	"strconv"
)

// How much the menu shows. All that can be visible at once is fewer than 300 items,
// because a panel may read the whole menu at a change.
const (
	MaxRows      = 20 // servers with a row and a submenu each; more are shown as pages
	MaxAttention = 8  // rows of servers that need attention, above the pages
	MaxPicked    = 4  // rows of servers that were picked from a page
	PageSize     = 25
	MaxPages     = 5
	maxNotices   = 4 // lines
)

// An ID names a slot of the menu: a place that is created once and then only
// retitled, shown and hidden. 0 is the menu itself. String gives its stable
// name, for example "server/3/restart".
type ID uint16

// A Slot is one place of the menu's fixed skeleton.
type Slot struct {
	ID        ID
	Parent    ID // 0 at the top
	Separator bool
	Chunk     bool // its children are created when it is first shown, all together
	Clickable bool
	Checkable bool
	name      string
}

// The parts of a server's row, as offsets from its ID.
const (
	row ID = iota
	rowState
	rowDetail1
	rowDetail2
	rowTools
	rowApprove // what helps a server that needs attention comes first
	rowRestart
	rowSwitch
	rowTime
	rowLog
	rowCopy
	rowMute
	rowLen
)

const pageLen = 1 + PageSize

// The slots at the top of the menu, in their order on the screen.
const (
	header        ID = 1
	notice        ID = header + 1
	questions     ID = notice + maxNotices
	separator1    ID = questions + 1
	attentionHead ID = separator1 + 1
	attention     ID = attentionHead + 1
	attentionMore ID = attention + MaxAttention*rowLen
	pickedHead    ID = attentionMore + 1
	picked        ID = pickedHead + 1
	others        ID = picked + MaxPicked*rowLen
	allHead       ID = others + (MaxRows-MaxAttention-MaxPicked)*rowLen
	pages         ID = allHead + 1
	pagesMore     ID = pages + MaxPages*pageLen
	separator2    ID = pagesMore + 1
	pause         ID = separator2 + 1
	paste         ID = pause + 1
	openPage      ID = paste + 1
	openFile      ID = openPage + 1
	copyURL       ID = openFile + 1
	notifications ID = copyURL + 1
	notifySwitch  ID = notifications + 1
	notifyQuiet   ID = notifySwitch + 1
	login         ID = notifyQuiet + 1
	quit          ID = login + 1
	lastSlot         = quit
)

// rowID returns the ID of row n, counted from 0 through the three groups of rows.
func rowID(n int) ID {
	switch {
	case n < MaxAttention:
		return attention + ID(n)*rowLen
	case n < MaxAttention+MaxPicked:
		return picked + ID(n-MaxAttention)*rowLen
	default:
		return others + ID(n-MaxAttention-MaxPicked)*rowLen
	}
}

var skeleton = build()

// Skeleton returns all slots: parents before their children, in the order of the
// screen; slot i has ID i+1. The caller must not change it.
func Skeleton() []Slot { return skeleton }

// String returns the slot's stable name.
func (id ID) String() string {
	if id == 0 || int(id) > len(skeleton) {
		return fmt.Sprintf("slot(%d)", uint16(id))
	}
	return skeleton[id-1].name
}

// Slot returns the slot of an ID; ok is false if there is none.
func (id ID) Slot() (s Slot, ok bool) {
	if id == 0 || int(id) > len(skeleton) {
		return Slot{}, false
	}
	return skeleton[id-1], true
}

func build() []Slot {
	s := make([]Slot, lastSlot)
	put := func(id, parent ID, name string, clickable bool) {
		s[id-1] = Slot{ID: id, Parent: parent, name: name, Clickable: clickable}
	}
	put(header, 0, "header", false)
	for i := range ID(maxNotices) {
		put(notice+i, 0, "notice/"+strconv.Itoa(int(i)), true)
	}
	for _, id := range []ID{separator1, separator2} {
		put(id, 0, "separator", false)
		s[id-1].Separator = true
	}
	put(questions, 0, "questions", true)
	put(attentionHead, 0, "attention", false)
	put(attentionMore, 0, "attention/more", true)
	put(pickedHead, 0, "picked", false)
	put(allHead, 0, "all", false)
	put(pagesMore, 0, "all/more", false)
	for id, name := range map[ID]string{pause: "pause", paste: "paste", openPage: "page", openFile: "config", copyURL: "copy-url", login: "login", quit: "quit"} {
		put(id, 0, name, true)
	}
	put(notifications, 0, "notifications", false)
	s[notifications-1].Chunk = true
	put(notifySwitch, notifications, "notifications/switch", true)
	put(notifyQuiet, notifications, "notifications/quiet", true)
	s[login-1].Checkable, s[notifySwitch-1].Checkable = true, true
	for n := range MaxRows {
		id, name := rowID(n), "server/"+strconv.Itoa(n)
		put(id, 0, name, false)
		s[id-1].Chunk = true
		for part, p := range map[ID]string{rowState: "state", rowDetail1: "detail", rowDetail2: "detail2", rowTools: "tools", rowApprove: "approve",
			rowSwitch: "switch", rowTime: "time", rowRestart: "restart", rowLog: "log", rowCopy: "copy-url", rowMute: "mute"} {
			put(id+part, id, name+"/"+p, part >= rowApprove)
		}
	}
	for n := range ID(MaxPages) {
		id, name := pages+n*pageLen, "page/"+strconv.Itoa(int(n))
		put(id, 0, name, false)
		s[id-1].Chunk = true
		for i := range ID(PageSize) {
			put(id+1+i, id, name+"/"+strconv.Itoa(int(i)), true)
		}
	}
	return s
}

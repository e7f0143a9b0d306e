package menu

// A Menu is everything the tray shows at one moment.
type Menu struct {
	Icon    Icon
	Tooltip string
	Nodes   []Node // one per slot: node i belongs to slot i+1
}

// A Node is what a slot shows. The zero value but for its ID is hidden.
type Node struct {
	ID      ID
	Title   string // ready for the screen: cleaned, cut and escaped
	Enabled bool   // looks as if it could be clicked
	Checked bool   // has a check mark; not every panel shows it, so the title says it, too
	Visible bool
	Action  Action // what a click means; the zero value means nothing
}

// At returns the node of a slot.
func (m *Menu) At(id ID) Node {
	if id == 0 || int(id) > len(m.Nodes) {
		return Node{ID: id}
	}
	return m.Nodes[id-1]
}

// An Icon is the tray icon's state: the worst thing that needs the user.
type Icon uint8

// The icons, from calm to urgent.
const (
	IconNormal    Icon = iota // all is well, or heals itself
	IconPaused                // calls are paused, or nothing is switched on
	IconAttention             // something waits for the user: approval, tools to review, sign-in, a server that stays down
	IconError                 // a server failed and is parked
)

var iconNames = [...]string{"normal", "paused", "attention", "error"}

// String returns the icon's name, which is also its file's.
func (i Icon) String() string { return iconNames[i] }

// A Kind is what an action does.
type Kind uint8

// The kinds of actions.
const (
	None Kind = iota
	Enable
	Disable
	Restart
	Approve
	EnableHour // enable for one hour
	Review     // look at what has no room in the menu, on the status page
	Answer     // what servers ask the user, on the status page
	OpenLog
	CopyURL // of the endpoint, or of one server
	Mute
	Unmute
	Pick // give a server of a page a row of its own
	Pause
	Resume
	Paste // add what the clipboard holds
	OpenPage
	EditConfig // open the configuration file
	NotifyOn
	NotifyOff
	Quiet // no notifications for one hour
	Loud  // no longer quiet
	LoginOn
	LoginOff
	Quit
	numKinds
)

// Kinds returns all kinds but None, so that a test can make sure each is handled.
func Kinds() []Kind {
	var kinds []Kind
	for k := None + 1; k < numKinds; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

var kindNames = [numKinds]string{"", "enable", "disable", "restart", "approve", "enable-hour", "review", "answer", "open-log", "copy-url",
	"mute", "unmute", "pick", "pause", "resume", "paste", "open-page", "edit-config", "notify-on", "notify-off", "quiet", "loud", "login-on", "login-off", "quit"}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[k] }

// An Action is what a click asks for, with what was on the screen when it was drawn.
type Action struct {
	Kind     Kind
	Server   string // as configured, not as shown; empty for actions of no server
	LaunchID string // what an approval approves; empty for other kinds
}

// IsZero reports whether it does nothing.
func (a Action) IsZero() bool { return a.Kind == None }

package menu

// An Op is one change of the screen.
type Op struct {
	Kind    OpKind
	Node    Node   // for SetNode: the slot's new content
	Icon    Icon   // for SetIcon
	Tooltip string // for SetTooltip
}

// An OpKind says what an Op changes.
type OpKind uint8

// The kinds of changes.
const (
	SetNode OpKind = iota
	SetIcon
	SetTooltip
)

// Diff appends to ops what turns old into new, parents before their children,
// and returns it. Menus with the same content give nothing, and nothing is
// allocated but for ops to grow.
func Diff(ops []Op, old, new *Menu) []Op {
	for i := range new.Nodes {
		if i >= len(old.Nodes) || old.Nodes[i] != new.Nodes[i] {
			ops = append(ops, Op{Kind: SetNode, Node: new.Nodes[i]})
		}
	}
	if old.Icon != new.Icon {
		ops = append(ops, Op{Kind: SetIcon, Icon: new.Icon})
	}
	if old.Tooltip != new.Tooltip {
		ops = append(ops, Op{Kind: SetTooltip, Tooltip: new.Tooltip})
	}
	return ops
}

// Blank returns the menu of a screen on which nothing was drawn yet.
func Blank() *Menu {
	m := &Menu{Nodes: make([]Node, lastSlot)}
	for i := range m.Nodes {
		m.Nodes[i] = Node{ID: ID(i + 1), Visible: skeleton[i].Separator}
	}
	return m
}

// Apply changes m as a screen does.
func (m *Menu) Apply(ops []Op) {
	for _, op := range ops {
		switch op.Kind {
		case SetNode:
			m.Nodes[op.Node.ID-1] = op.Node
		case SetIcon:
			m.Icon = op.Icon
		case SetTooltip:
			m.Tooltip = op.Tooltip
		}
	}
}

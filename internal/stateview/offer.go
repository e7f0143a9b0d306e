package stateview

import (
	"iter"
	"slices"
)

// An Offer is what a server says of itself and offers besides tools while a
// session with it is up. The zero value is nothing. Copies share their content.
type Offer struct {
	Info         string // raw JSON object of serverInfo; empty if it sent none
	Capabilities string // raw JSON object; empty if it sent none
	Instructions string // for models; empty if there are none

	Prompts   ItemList // by name
	Resources ItemList // by uri
	Templates ItemList // by uriTemplate
}

// An Item is one prompt, resource or resource template of a server.
type Item struct {
	Key        string // its name or URI, as the server spells it
	Definition string // the raw JSON object of the server's list; a string, so nobody can change it
}

// An ItemList is an immutable list of items. The zero value is an empty list.
// Copies share their content.
type ItemList struct{ items *[]Item }

// NewItemList returns a list of a copy of items, in their order.
func NewItemList(items []Item) ItemList {
	if len(items) == 0 {
		return ItemList{}
	}
	own := slices.Clone(items)
	return ItemList{&own}
}

// Len returns how many items there are.
func (l ItemList) Len() int {
	if l.items == nil {
		return 0
	}
	return len(*l.items)
}

// All yields the items in the server's order.
func (l ItemList) All() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if l.items == nil {
			return
		}
		for _, i := range *l.items {
			if !yield(i) {
				return
			}
		}
	}
}

// Equal reports whether both lists have the same items in the same order.
func (l ItemList) Equal(o ItemList) bool {
	return l.items == o.items || l.Len() == o.Len() && slices.Equal(*l.items, *o.items)
}

// Equal reports whether both say the same.
func (o Offer) Equal(p Offer) bool {
	return o.Info == p.Info && o.Capabilities == p.Capabilities && o.Instructions == p.Instructions &&
		o.Prompts.Equal(p.Prompts) && o.Resources.Equal(p.Resources) && o.Templates.Equal(p.Templates)
}

// Package approval decides whether a server may be started or contacted and which
// of its tools clients may see, and says what exactly a person's yes is bound to. It is not for remembering
// decisions (that is the store) nor for asking people.
//
// All of it is pure functions and plain values: there is no state, so anything
// may be called concurrently.
package approval

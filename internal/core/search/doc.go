// Package search finds tools by what a query says: an index over the names,
// descriptions and parameters of tools, ranked by BM25F, forgiving of spelling. It
// also words a tool's input schema as one line. It decides nothing about who may
// see a tool: whoever builds an index puts in only what may be found.
//
// An Index is immutable once built, and all its methods may be called concurrently.
// Building one takes a while: do it beside the requests and publish the result in
// an atomic.Pointer.
package search

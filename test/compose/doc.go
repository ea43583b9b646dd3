// Package compose holds the real worker to its promises on a real stage: publishers
// appear in the picture, a worker that crashes is followed by one that goes on, and
// one that is told to stop ends its files.
package compose

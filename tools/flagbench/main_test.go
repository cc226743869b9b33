package main

import "testing"

// What is measured side by side must be the same question: agree ends the program where the engines differ.
func TestEnginesAgree(*testing.T) { agree(engines()) }

//! Challenges and appeals: who is asked, what the pages take and tell, what comes of an answer; through
//! the real intake and the real web door, on the store in memory.

#[path = "challenge/appeals.rs"]
mod appeals;
#[path = "challenge/asked.rs"]
mod asked;
mod house;
#[path = "challenge/pages.rs"]
mod pages;
mod panel_house;
#[path = "challenge/world.rs"]
mod world;

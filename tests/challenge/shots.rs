//! Temporary.
use crate::world::*;
#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn shots() {
    let world = World::new().await;
    let c = world.asked().await;
    let t = message(SENDER, "", "XJUNK");
    let a = world.receive(SENDER, ALICE, &t).await;
    let a = a.text[a.text.find("/a/").unwrap()..].to_owned();
    let a2 = world.receive(SENDER, ALICE, &message(SENDER, "", "XJUNK2 XJUNK")).await;
    let a2 = a2.text[a2.text.find("/a/").unwrap()..].to_owned();
    world.prove(&a2, &[("words", "Please read this, it is our invoice")]).await;
    let id = world.waiting(ALICE).await[0];
    let caught = world.house.caught(ALICE).await;
    std::fs::write("/tmp/shots.json", format!("{{\"at\":\"http://{}\",\"c\":\"{c}\",\"a\":\"{a}\",\"a2\":\"{a2}\",\"id\":\"{id}\",\"caught\":\"{}\"}}", world.panel.at, caught.last().unwrap())).unwrap();
    for _ in 0..600 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        world.next_minute();
        if std::path::Path::new("/tmp/shots.stop").exists() { return; }
        if std::path::Path::new("/tmp/shots.hold").exists() { world.house.clock.forward(std::time::Duration::from_secs(0)); }
    }
}

//! The agent of `docs/first-hour.md`: it greets whoever is named in the payload.

use axme_client::{Client, ClientError, JsonFields};
use futures_util::StreamExt;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new("http://127.0.0.1:8100", &std::env::var("AGENT_KEY")?)?;
    println!("greeter listens");
    let mut deliveries = client.listen("greeter");
    while let Some(delivery) = deliveries.next().await {
        answer(&client, &delivery?.intent_id).await?;
    }
    Ok(())
}

async fn answer(client: &Client, id: &str) -> Result<(), ClientError> {
    let intent = client.get_intent(id).await?.intent;
    let result = match intent.payload.value()["name"].as_str() {
        Some(name) => json!({ "greeting": format!("Hello, {name}!") }),
        None => json!({ "action": "fail", "error": "there is no name" }),
    };
    client.resume(id, JsonFields::of(result)).await?;
    println!("answered {id}");
    Ok(())
}

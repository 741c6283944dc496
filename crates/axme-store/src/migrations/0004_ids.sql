-- Objects of the directory are found by their ids alone, in every workspace of the caller.
CREATE INDEX principals_by_id ON principals (principal_id);
CREATE INDEX principal_aliases_by_id ON principal_aliases (alias_id);
CREATE INDEX routes_by_id ON routes (route_id);
CREATE INDEX transport_bindings_by_id ON transport_bindings (binding_id);
CREATE INDEX routed_deliveries_by_id ON routed_deliveries (delivery_id);
CREATE INDEX queue_items_dead_by_id ON queue_items (item_id) WHERE dead_at IS NOT NULL;

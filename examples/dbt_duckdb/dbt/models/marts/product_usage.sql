-- One row a person: how much they used the product in the 30 days that end with the newest event.
with events as (
    select lower(trim(user_email)) as email, account_name, cast(occurred_at as timestamp) as occurred_at, feature
    from {{ ref('product_events') }}
    where user_email is not null
),

newest as (select max(occurred_at) as occurred_at from events)

select
    email,
    any_value(account_name) as account_name,
    count(*) filter (where events.occurred_at > newest.occurred_at - interval 30 day) as logins_30d,
    min(events.occurred_at) as first_seen,
    max(events.occurred_at) as last_seen
from events cross join newest
group by email

-- One row an account: how many people used the product in those 30 days.
select account_name, count(*) filter (where logins_30d > 0) as active_users
from {{ ref('product_usage') }}
group by account_name
